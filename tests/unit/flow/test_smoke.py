import httpx2
from support.people import Person

async def test_a(ada: Person, caller: httpx2.AsyncClient) -> None:
    r = await caller.post("/v1/images/generations", json={"model":"dall-e-3","prompt":"hi"}, headers=ada.headers)
    print(r.text, r.headers)
    assert r.status_code == 200

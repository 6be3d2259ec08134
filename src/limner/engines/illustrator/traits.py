"""What the illustrator knows of the world: how large things are, where they live, whether they stand, swim or fly.

Sizes are heights beside a person of 1, squeezed so that a bee and a castle fit one picture. Tables only.
"""

from __future__ import annotations

from typing import TypeVar

_Value = TypeVar("_Value", str, float)

_SIZES = {
    0.17: "blossom cherry-blossom hibiscus rosette white-flower",
    0.28: "ant lady-beetle honeybee beetle fly mosquito cricket bug worm butterfly snail  spider microbe four-leaf-clover acorn key ring",
    0.38: "mouse rat hamster baby-chick hatching-chick front-facing-baby-chick frog lizard crab shrimp spiral-shell bird black-bird chipmunk "
    "mushroom brown-mushroom tulip rose hyacinth herb shamrock seedling fish tropical-fish blowfish bat",
    0.5: "rabbit hedgehog duck parrot dove owl turtle badger skunk squid lobster chicken rooster sunflower bouquet lotus snake raccoon",
    0.58: "cat black-cat poodle otter beaver monkey fox koala penguin goose eagle dodo swan baby jellyfish octopus flamingo turkey peacock teddy-bear",
    0.68: "dog guide-dog service-dog pig ewe goat ram wolf boar seal potted-plant sloth snowman kangaroo",
    0.8: "boy girl child panda leopard tiger lion deer ghost robot alien bicycle cactus llama donkey",
    1.0: "bear polar-bear gorilla orangutan horse cow ox zebra unicorn camel two-hump-camel dolphin motorcycle motor-scooter crocodile shark fountain couch-and-lamp bathtub bed door window",
    1.2: "moose bison water-buffalo rhinoceros hippopotamus automobile taxi police-car racing-car sport-utility-vehicle tent canoe palm-tree tree",
    1.45: "elephant mammoth giraffe orca dragon phoenix pickup-truck minibus ambulance tractor sailboat speedboat motor-boat helicopter small-airplane hot-air-balloon",
    1.75: "sauropod t-rex whale spouting-whale bus trolleybus fire-engine delivery-truck articulated-lorry locomotive tram train evergreen-tree deciduous-tree "
    "palm-tree leafless-tree christmas-tree hut airplane rocket flying-saucer windmill",
    2.1: "house house-with-garden derelict-house houses church bullet-train lighthouse ferry rock-arch statue-of-liberty",
    2.7: "castle japanese-castle hospital school factory bank hotel department-store office-building classical-building mosque hindu-temple synagogue "
    "ferris-wheel roller-coaster tokyo-tower ship passenger-ship stadium desert-island",
    3.4: "mountain snow-capped-mountain volcano mount-fuji",
}  # fmt: skip
_KIND_SIZES = {
    "animal-bug": 0.3, "animal-bird": 0.5, "animal-marine": 0.6, "animal-mammal": 0.8, "animal-reptile": 0.7, "plant-flower": 0.4,
    "plant-other": 0.5, "food": 0.5, "drink": 0.45, "dishware": 0.45, "place-building": 2.4, "place-religious": 2.3, "place-other": 1.8,
    "place-geographic": 2.8, "place-map": 1.0, "transport-ground": 1.3, "transport-water": 1.7, "transport-air": 1.5, "sky-weather": 0.9,
    "person": 1.0, "family": 1.0, "household": 0.75, "musical-instrument": 0.7, "clothing": 0.55, "face": 0.75, "heart": 0.6,
}  # fmt: skip
_FLYING_WORDS = """
butterfly honeybee bat dove eagle bird-flying airplane small-airplane airplane-departure airplane-arrival helicopter
rocket flying-saucer balloon kite parachute hot-air-balloon satellite comet fairy superhero phoenix mosquito fly
dragon angel baby-angel star glowing-star shooting-star ringed-planet sparkles cloud fireworks sparkler snowflake
cloud-with-rain cloud-with-snow cloud-with-lightning high-voltage tornado wind-face globe-showing-asia-australia
globe-showing-americas globe-showing-europe-africa sun-with-face full-moon-face new-moon-face crescent-moon last-
quarter-moon-face musical-note musical-notes suspension-railway aerial-tramway mountain-cableway flying-disc
boomerang person-in-suit-levitating woman-superhero man-superhero dashing-away
"""
_FLYING = frozenset(_FLYING_WORDS.split())
_SWIMMING = {  # how much of it is under the water line
    "otter": 0.13, "duck": 0.3, "swan": 0.07, "goose": 0.34, "seal": 0.12, "whale": 0.14, "spouting-whale": 0.14, "dolphin": 0.26, "orca": 0.26,
    "shark": 0.46, "crocodile": 0.3, "turtle": 0.3, "hippopotamus": 0.45, "sailboat": 0.08, "canoe": 0.2, "speedboat": 0.2, "ship": 0.1,
    "passenger-ship": 0.12, "ferry": 0.12, "motor-boat": 0.16, "mermaid": 0.3, "merman": 0.3, "merperson": 0.3, "person-rowing-boat": 0.12,
    "person-surfing": 0.06, "woman-surfing": 0.06, "man-surfing": 0.06, "ring-buoy": 0.3, "lotus": 0.12, "beaver": 0.35, "anchor": 0.3,
    "woman-rowing-boat": 0.12, "man-rowing-boat": 0.12, "person-swimming": 0.1, "woman-swimming": 0.1, "man-swimming": 0.1,
    "polar-bear": 0.1, "desert-island": 0.04,
}  # fmt: skip
_UNDER_WATER_WORDS = """
fish tropical-fish blowfish octopus squid jellyfish shrimp lobster crab coral spiral-shell oyster turtle shark whale
spouting-whale dolphin orca seal mermaid merman merperson diving-mask bubbles otter
"""
_UNDER_WATER = frozenset(_UNDER_WATER_WORDS.split())
_SEA_FLOOR_WORDS = """
crab lobster coral spiral-shell oyster octopus rock treasure-chest anchor
"""
_SEA_FLOOR = frozenset(_SEA_FLOOR_WORDS.split())

_HOMES = {
    "sea": "otter seal dolphin orca whale spouting-whale sailboat speedboat motor-boat ship passenger-ship ferry person-surfing "
    "man-surfing woman-surfing mermaid merman merperson ring-buoy lighthouse anchor desert-island person-swimming man-swimming woman-swimming water-wave",
    "lake": "duck swan goose canoe person-rowing-boat frog lotus beaver crocodile hippopotamus flamingo fishing-pole dodo woman-rowing-boat man-rowing-boat",
    "underwater": "fish tropical-fish blowfish octopus squid jellyfish shrimp coral shark oyster bubbles diving-mask",
    "beach": "crab lobster spiral-shell palm-tree umbrella-on-ground beach-with-umbrella turtle thong-sandal volleyball bikini coconut",
    "snow": "penguin polar-bear snowman snowman-without-snow skier snowboarder sled santa-claus mrs-claus christmas-tree mammoth ice-skate snowflake igloo skis",
    "forest": "fox wolf bear deer moose raccoon owl squirrel chipmunk hedgehog badger boar skunk mushroom brown-mushroom monkey gorilla orangutan "
    "sloth koala panda evergreen-tree tent camping fairy elf troll sauropod t-rex leopard tiger parrot toucan bat beaver snake leafless-tree fire",
    "savanna": "lion elephant giraffe zebra rhinoceros leopard-cub ostrich kangaroo bison",
    "desert": "camel two-hump-camel cactus scorpion lizard",
    "mountain": "goat llama eagle snow-capped-mountain mountain volcano mount-fuji person-climbing person-mountain-biking ram dragon castle",
    "space": "rocket flying-saucer satellite ringed-planet comet alien alien-monster globe-showing-asia-australia globe-showing-americas "
    "globe-showing-europe-africa astronaut man-astronaut woman-astronaut milky-way shooting-star",
    "sky": "airplane small-airplane helicopter balloon kite parachute hot-air-balloon dove airplane-departure airplane-arrival",
}  # fmt: skip
_KIND_HOMES = {
    "animal": "meadow", "plant": "meadow", "food": "table", "drink": "table", "dishware": "table", "transport-ground": "city",
    "transport-water": "sea", "transport-air": "sky", "place-building": "meadow", "place-religious": "meadow", "place-geographic": "meadow",
    "place-other": "city", "person": "meadow", "family": "meadow", "household": "room", "musical-instrument": "room", "computer": "room",
    "phone": "room", "light-video": "room", "book-paper": "table", "writing": "table", "office": "table", "music": "room", "game": "room",
    "clothing": "studio", "sky-weather": "sky", "science": "room", "medical": "table", "tool": "table", "money": "table", "time": "table",
    "sport": "meadow", "arts-crafts": "room", "event": "studio", "mail": "table",
}  # fmt: skip
# Busts and heads of people, drawn large from the lower edge of the picture.
_BUST_KINDS = ("person", "person-role", "person-fantasy", "person-gesture")
_WHOLE_PEOPLE_WORDS = """
person-standing man-standing woman-standing mermaid merman merperson fairy man-fairy woman-fairy superhero man-
superhero woman-superhero genie man-genie woman-genie ninja-whole baby-angel person-bowing troll hairy-creature
"""
_WHOLE_PEOPLE = frozenset(_WHOLE_PEOPLE_WORDS.split())

_SIZE_OF = {slug: size for size, slugs in _SIZES.items() for slug in slugs.split()}
_HOME_OF = {slug: home for home, slugs in _HOMES.items() for slug in slugs.split()}


def size_of(slug: str, kind: str) -> float:
    """How tall it is beside a person."""
    return _SIZE_OF.get(slug) or _by_kind(_KIND_SIZES, kind, 0.6)


def home_of(slug: str, kind: str) -> str:
    """The place it is painted in when the prompt names none."""
    return _HOME_OF.get(slug) or _by_kind(_KIND_HOMES, kind, "studio")


def flies(slug: str) -> bool:
    """Whether it is up in the air."""
    return slug in _FLYING


def sink_of(slug: str) -> float | None:
    """How much of it is under water when it floats; None: it does not float."""
    return _SWIMMING.get(slug)


def dives(slug: str) -> bool:
    """Whether it is at home under water."""
    return slug in _UNDER_WATER


def creeps(slug: str) -> bool:
    """Whether it sits on the sea floor."""
    return slug in _SEA_FLOOR


def is_bust(slug: str, kind: str) -> bool:
    """Whether its drawing ends at the chest."""
    return kind in _BUST_KINDS and slug not in _WHOLE_PEOPLE


def _by_kind(table: dict[str, _Value], kind: str, default: _Value) -> _Value:
    return table.get(kind) or table.get(kind.split("-", 1)[0]) or default


_LETTERED_WORDS = """
hospital school bank hotel love-hotel post-office japanese-post-office convenience-store department-store police-car
taxi ambulance fire-engine bus-stop stop-sign church clock statue-of-liberty atm-sign
"""
_LETTERED = frozenset(_LETTERED_WORDS.split())


def is_lettered(slug: str) -> bool:
    """Whether it carries letters or a clock that a mirror would spoil."""
    return slug in _LETTERED

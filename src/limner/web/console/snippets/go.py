"""Go with net/http."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_go, json_text, quoted
from limner.web.console.snippets.request import Request


def code(request: Request) -> str:
    """The program, as gofmt leaves it."""
    return f"""\
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
)

func main() {{
	body := strings.NewReader({in_go(json_text(request.body, margin="	"))})

	request, err := http.NewRequest("POST", {quoted(request.url)}, body)
	if err != nil {{
		log.Fatal(err)
	}}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", {quoted(f"Bearer {request.key}")})
	request.Header.Set("Content-Type", "application/json")

	response, err := http.DefaultClient.Do(request)
	if err != nil {{
		log.Fatal(err)
	}}
	defer response.Body.Close()

	answer, err := io.ReadAll(response.Body)
	if err != nil {{
		log.Fatal(err)
	}}
	fmt.Println(string(answer))
}}
"""

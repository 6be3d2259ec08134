"""Go with net/http."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_go, json_text, quoted
from limner.web.console.snippets.request import Request, in_form


def code(request: Request) -> str:
    """The program, as gofmt leaves it."""
    if request.is_form:
        return _form(request)
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


def _form(request: Request) -> str:
    fields = "".join(f"\t\t{{{quoted(name)}, {quoted(in_form(value))}}},\n" for name, value in request.body.items())
    files = "".join(f"\t\t{{{quoted(name)}, {quoted(file)}}},\n" for name, file in request.files)
    return f"""\
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
)

func main() {{
	body := &bytes.Buffer{{}}
	form := multipart.NewWriter(body)
	for _, field := range [][2]string{{
{fields}	}} {{
		if err := form.WriteField(field[0], field[1]); err != nil {{
			log.Fatal(err)
		}}
	}}
	for _, file := range [][2]string{{
{files}	}} {{
		data, err := os.ReadFile(file[1])
		if err != nil {{
			log.Fatal(err)
		}}
		part, err := form.CreateFormFile(file[0], file[1])
		if err != nil {{
			log.Fatal(err)
		}}
		if _, err := part.Write(data); err != nil {{
			log.Fatal(err)
		}}
	}}
	if err := form.Close(); err != nil {{
		log.Fatal(err)
	}}

	request, err := http.NewRequest("POST", {quoted(request.url)}, body)
	if err != nil {{
		log.Fatal(err)
	}}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", {quoted(f"Bearer {request.key}")})
	request.Header.Set("Content-Type", form.FormDataContentType())

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

package peers

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/valyala/fasthttp"
)

// Answer is the bare server's answer to everything. To be a fair floor it is the edge's own answer, with the same status,
// headers and body.
type Answer struct {
	Status      int
	ContentType string
	Header      []string // name, value, name, value ..., without those that the server writes itself
	Body        []byte
	Name        string // of the Server header; empty: none is sent
	Date        bool   // whether the answer had one
}

const jsonType = "application/json; charset=utf-8"

// SoldOut replaces the edge's answer if none was captured.
func SoldOut() Answer {
	return Answer{Status: 200, ContentType: jsonType, Date: true,
		Body: []byte(`{"code":-1,"msg":"已售罄"}`)}
}

// Won does the same. It is as long as a win with a token of 128 characters.
func Won() Answer {
	return Answer{Status: 200, ContentType: jsonType, Date: true,
		Body: []byte(`{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":1234567,"token":"` +
			strings.Repeat("x", 128) + `"}}`)}
}

// ReadAnswer reads an answer as it came over the wire, status line first.
func ReadAnswer(file string) (Answer, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Answer{}, fmt.Errorf("captured answer: %w", err)
	}
	return ParseAnswer(raw)
}

// ParseAnswer is [ReadAnswer] for bytes.
func ParseAnswer(raw []byte) (Answer, error) {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		return Answer{}, fmt.Errorf("captured answer: %w", err)
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"),
		Name: resp.Header.Get("Server"), Date: resp.Header.Get("Date") != ""}
	if a.Body, err = io.ReadAll(resp.Body); err != nil {
		return Answer{}, fmt.Errorf("captured answer: %w", err)
	}
	for name, values := range resp.Header {
		switch name {
		case "Server", "Date", "Content-Type", "Content-Length", "Connection":
			continue
		}
		for _, v := range values {
			a.Header = append(a.Header, name, v)
		}
	}
	return a, nil
}

// server returns a fasthttp server with only this answer.
func (a Answer) server() *fasthttp.Server {
	return &fasthttp.Server{
		Name:                  a.Name,
		NoDefaultServerHeader: a.Name == "",
		NoDefaultDate:         !a.Date,
		NoDefaultContentType:  true,
		Handler: func(c *fasthttp.RequestCtx) {
			c.SetStatusCode(a.Status)
			c.SetContentType(a.ContentType)
			for i := 0; i < len(a.Header); i += 2 {
				c.Response.Header.Set(a.Header[i], a.Header[i+1])
			}
			c.SetBody(a.Body)
		},
	}
}

package peers

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"

	"spike/bench"
	"spike/bench/crowd"
)

// Answer is the bare server's answer to every buy. To be a fair floor it is the edge's own answer, with the same status,
// headers and body.
type Answer struct {
	Status      int
	ContentType string
	Header      []string // name, value, name, value ..., without those that the server writes itself
	Body        []byte
	Name        string // of the Server header; empty: none is sent
	Date        bool   // whether the answer had one
}

const (
	jsonType = "application/json; charset=utf-8"
	soldOut  = `{"code":-1,"msg":"已售罄"}`
)

// SoldOut replaces the edge's answer if none was captured.
func SoldOut() Answer {
	return Answer{Status: 200, ContentType: jsonType, Date: true, Body: []byte(soldOut)}
}

// Won does the same. It is as long as a win with a token of 128 characters.
func Won() Answer {
	return Answer{Status: 200, ContentType: jsonType, Date: true,
		Body: []byte(`{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":1234567,"token":"` +
			strings.Repeat("x", 128) + `"}}`)}
}

// Like is the answer that a server gives to a buy now.
func Like(ctx context.Context, addr string) (Answer, error) {
	conn := crowd.NewConn(ctx, addr, callTimeout, nil)
	defer conn.Close()
	said, err := conn.Ask(http.MethodGet, buyPath)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: an answer of %s: %w", bench.ErrDependency, addr, err)
	}
	a := Answer{Status: said.Status, ContentType: string(said.Header.ContentType()), Name: string(said.Header.Server()),
		Body: bytes.Clone(said.Body)}
	for name, value := range said.Header.All() {
		switch string(name) {
		case fasthttp.HeaderDate:
			a.Date = true
		case fasthttp.HeaderServer, fasthttp.HeaderContentType, fasthttp.HeaderContentLength, fasthttp.HeaderConnection:
		default:
			a.Header = append(a.Header, string(name), string(value))
		}
	}
	return a, nil
}

// server returns a fasthttp server with only this answer.
func (a Answer) server() *fasthttp.Server {
	return &fasthttp.Server{Name: a.Name, NoDefaultServerHeader: a.Name == "", NoDefaultDate: !a.Date, NoDefaultContentType: true,
		Handler: func(c *fasthttp.RequestCtx) {
			if string(c.Path()) != buyPath {
				c.SetStatusCode(fasthttp.StatusNotFound)
				return
			}
			c.SetStatusCode(a.Status)
			c.SetContentType(a.ContentType)
			for i := 0; i < len(a.Header); i += 2 {
				c.Response.Header.Set(a.Header[i], a.Header[i+1])
			}
			c.SetBody(a.Body)
		},
	}
}

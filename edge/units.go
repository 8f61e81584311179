package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
	"spike/luascripts/ledger"
)

// MaxUnits is the most one buy may ask for.
const MaxUnits = ledger.MaxUnits

var errUnits = answer.NewProblem(fasthttp.StatusBadRequest, "bad_n", "n is a whole number from 1 to 100")

// articleUnits is how many units the article's way to buy is for: by the query, or by a POST's body.
func articleUnits(q *fasthttp.Request) (uint32, error) {
	args := q.URI().QueryArgs()
	n, ok := units(args)
	if body := q.Body(); q.Header.IsPost() && len(body) > 0 {
		asked, says := unitsIn(body)
		if says && args.Has("n") {
			return 0, answer.NewProblem(fasthttp.StatusBadRequest, "bad_n", "n is in the query or in the body, not in both")
		}
		if says {
			n, ok = asked, asked > 0
		}
	}
	if !ok {
		return 0, errUnits
	}
	return n, nil
}

// v1Units is how many units a reservation is for: by the query, or by a body {"n":2}.
func v1Units(q *fasthttp.Request) (uint32, error) {
	args := q.URI().QueryArgs()
	n, ok := units(args)
	if body := q.Body(); len(body) > 0 {
		asked, err := decodeBody(body)
		if err != nil || args.Has("n") {
			return 0, answer.NewProblem(fasthttp.StatusBadRequest, "bad_request",
				`the body is empty, or {"n":2} and then there is no n in the query`)
		}
		n, ok = uint32(asked), asked >= 1 && asked <= MaxUnits
	}
	if !ok {
		return 0, errUnits
	}
	return n, nil
}

// units reads n: 1 where there is none.
func units(args *fasthttp.Args) (n uint32, ok bool) {
	if !args.Has("n") {
		return 1, true
	}
	text := args.Peek("n")
	if len(text) == 0 || len(text) > 3 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint32(c-'0')
	}
	return n, n >= 1 && n <= MaxUnits
}

// unitsIn reads n from the body of the article's way to buy, a form's or {"n":2}; 0 is an n that is none. A body that says
// nothing of n means nothing.
func unitsIn(body []byte) (n uint32, says bool) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		asked, err := decodeBody(body)
		if err != nil || asked < 1 || asked > MaxUnits {
			return 0, true
		}
		return uint32(asked), true
	}
	var form fasthttp.Args
	form.ParseBytes(body)
	if !form.Has("n") {
		return 1, false
	}
	if n, ok := units(&form); ok {
		return n, true
	}
	return 0, true
}

// decodeBody reads a body {"n":2}.
func decodeBody(body []byte) (n int64, err error) {
	q := struct {
		N *int64 `json:"n"`
	}{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err = d.Decode(&q); err != nil {
		return 0, err
	}
	if _, err = d.Token(); err != io.EOF {
		return 0, errors.New("more than one value")
	}
	if q.N == nil {
		return 1, nil
	}
	return *q.N, nil
}

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

// MaxUnits is the largest number of units in one buy.
const MaxUnits = ledger.MaxUnits

var errUnits = answer.NewProblem(fasthttp.StatusBadRequest, "bad_n", "n is a whole number from 1 to 100")

// articleUnits is the number of units of a buy in the article's way: n in the query, or in the body of a POST.
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

// v1Units is the number of units of a reservation: n in the query, or a body {"n":2}.
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

// units reads n. Without n it is 1.
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

// unitsIn reads n from the body of a buy in the article's way, which is a form or {"n":2}. n is 0 if it is not valid. says is
// false for a form without n.
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

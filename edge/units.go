package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
	"spike/luascripts/ledger"
)

// articleUnits is the number of units of a buy in the article's way: n in the query, or in the body of a POST.
func articleUnits(q *fasthttp.Request) (uint32, error) {
	return unitsOf(q, unitsIn, "bad_n", "n is in the query or in the body, not in both")
}

// v1Units is the number of units of a reservation: n in the query, or a body {"n":2}.
func v1Units(q *fasthttp.Request) (uint32, error) {
	read := func(body []byte) (n int64, says bool, err error) {
		n, err = decodeBody(body)
		return n, true, err
	}
	return unitsOf(q, read, "bad_request", `the body is empty, or {"n":2} and then there is no n in the query`)
}

// unitsOf is n of the query, or n as read finds it in the body. If read fails, or if n is in both, code and why are the problem.
func unitsOf(q *fasthttp.Request, read func([]byte) (n int64, says bool, err error), code, why string) (uint32, error) {
	args := q.URI().QueryArgs()
	n := units(args)
	if body := q.Body(); q.Header.IsPost() && len(body) > 0 {
		asked, says, err := read(body)
		if err != nil || says && args.Has("n") {
			return 0, answer.NewProblem(fasthttp.StatusBadRequest, code, why)
		}
		if says {
			n = asked
		}
	}
	return valid(n)
}

func valid(n int64) (uint32, error) {
	if n < 1 || n > ledger.MaxUnits {
		return 0, answer.NewProblem(fasthttp.StatusBadRequest, "bad_n", "n is a whole number from 1 to 100")
	}
	return uint32(n), nil
}

// units reads n. Without n it is 1. If n is no number of at most three digits, it is 0.
func units(args *fasthttp.Args) int64 {
	if !args.Has("n") {
		return 1
	}
	text := string(args.Peek("n"))
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || len(text) > 3 {
		return 0
	}
	return int64(n)
}

// unitsIn reads n from the body of a buy in the article's way, which is a form or {"n":2}. n is 0 if it is no number. says is
// false for a form without n.
func unitsIn(body []byte) (n int64, says bool, _ error) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		n, _ = decodeBody(body)
		return n, true, nil
	}
	var form fasthttp.Args
	form.ParseBytes(body)
	return units(&form), form.Has("n"), nil
}

// decodeBody reads a body {"n":2}. Without n it is 1.
func decodeBody(body []byte) (int64, error) {
	q := struct {
		N *int64 `json:"n"`
	}{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(&q)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("more than one value")
	}
	switch {
	case err != nil:
		return 0, err
	case q.N == nil:
		return 1, nil
	}
	return *q.N, nil
}

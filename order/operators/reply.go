package operators

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Problem is an error after RFC 9457, with a code that does not change.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// BadRequest names the field that is wrong.
func BadRequest(field, why string) error {
	return &Problem{Status: http.StatusBadRequest, Code: "bad_request", Detail: field + ": " + why}
}

// Reply answers with a value, or with the problem that err is. An error that is no Problem means that the database does
// not answer.
func Reply(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if err == nil {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
		return
	}
	p, is := errors.AsType[*Problem](err)
	if !is {
		p = &Problem{Status: http.StatusServiceUnavailable, Code: "database", Detail: err.Error()}
		w.Header().Set("Retry-After", "1")
	}
	said := *p
	said.Type, said.Title = "about:blank", http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(said)
}

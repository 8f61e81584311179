package admin

import (
	"errors"
	"net/http"
	"time"

	"spike/luascripts/ledger"
)

// changes is the body of PATCH /api/v1/sales/{sale}. What it does not name stays as it is.
type changes struct {
	Hold   *string `json:"hold"`
	Limit  *uint32 `json:"limit_per_buyer"`
	Opens  string  `json:"opens"`
	Closes string  `json:"closes"`
}

// request is the body's request. Its error names the field that is wrong.
func (c changes) request(now time.Time) (q ledger.EditRequest, err error) {
	q.Limit = c.Limit
	for _, one := range []struct {
		to          **time.Time
		field, text string
	}{{&q.Opens, "opens", c.Opens}, {&q.Closes, "closes", c.Closes}} {
		var at time.Time
		if err := optional(&at, one.text, rfc3339); err != nil {
			return q, badRequest(one.field, "a time as 2026-11-22T20:00:00Z")
		}
		if one.text != "" {
			*one.to = &at
		}
	}
	if c.Hold != nil {
		hold, err := time.ParseDuration(*c.Hold)
		if err != nil {
			return q, badRequest("hold", `a duration as "5m", or "0s"`)
		}
		q.Hold = &hold
	}
	if invalid, is := errors.AsType[*ledger.Invalid](q.Validate(now)); is {
		return q, badRequest(invalid.Field, invalid.Why)
	}
	return q, nil
}

func (s *Side) editSale(w http.ResponseWriter, r *http.Request) {
	var body changes
	err := readJSON(r, &body)
	var q ledger.EditRequest
	if err == nil {
		q, err = body.request(time.Now())
	}
	sale := r.PathValue("sale")
	if err == nil {
		_, err = s.by(r).Edit(r.Context(), sale, q)
	}
	var shown ledger.ShowReply
	if err == nil {
		shown, err = s.Store.Show(r.Context(), sale)
	}
	s.written(w, http.StatusOK, "edited", sale, Describe(sale, shown), err)
}

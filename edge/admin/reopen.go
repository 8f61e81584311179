package admin

import (
	"net/http"

	"spike/luascripts/ledger"
)

// Reopening lets a sale go on without replicas that are gone and, with grants, without the end of a recovery. If a replica has
// come or gone since the sale was shown, the ledger does nothing. If the sale waits for replicas, at least so many must be here.
func Reopening(shown ledger.ShowReply, grants bool, least uint64) ledger.ReopenRequest {
	q := ledger.ReopenRequest{Era: shown.Era, Lineup: shown.Lineup, Grants: grants}
	if q.Lineup != "" {
		q.Least = least
	}
	return q
}

// reopening is the body of POST /api/v1/sales/{sale}/reopen.
type reopening struct {
	Grants   bool   `json:"grants"`
	Replicas uint64 `json:"replicas"`
}

func (s *Side) reopenSale(w http.ResponseWriter, r *http.Request) {
	sale := r.PathValue("sale")
	var body reopening
	err := readJSON(r, &body)
	if err == nil && r.URL.Query().Get("yes") != "true" {
		err = badRequest("yes", "this may lose or double units if history comes back: say ?yes=true")
	}
	var shown ledger.ShowReply
	if err == nil {
		shown, err = s.Store.Show(r.Context(), sale)
	}
	if err == nil {
		_, err = s.by(r).Reopen(r.Context(), sale, Reopening(shown, body.Grants, body.Replicas))
	}
	if err == nil {
		shown, err = s.Store.Show(r.Context(), sale)
	}
	s.written(w, http.StatusOK, "reopened", sale, Describe(sale, shown), err)
}

package admin

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"spike/edge/internal/storetest"
)

// The journal has what operators did through the API, each once, and nothing that was refused.
func TestJournalHasWhatOperatorsDid(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Minute)
	o := newOperator(store)
	for _, step := range [][3]string{
		{"POST", "/api/v1/sales", `{"sale":"a","total":5,"limit_per_buyer":2}`},
		{"POST", "/api/v1/sales", `{"sale":"a","total":5}`},
		{"POST", "/api/v1/sales/a/add", `{"n":3,"request_id":"1"}`},
		{"POST", "/api/v1/sales/a/add", `{"n":3,"request_id":"1"}`},
		{"POST", "/api/v1/sales/a/pause", ""},
		{"POST", "/api/v1/sales/a/resume", ""},
		{"POST", "/api/v1/sales/b/close", ""},
		{"POST", "/api/v1/sales/a/close", ""},
		{"DELETE", "/api/v1/sales/a", ""},
		{"DELETE", "/api/v1/sales/a?yes=true", ""},
	} {
		o.does(step[0], step[1], step[2])
	}
	entries, err := store.Entries(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s", e.Did, e.Sale, e.What))
		if e.From != "api" || e.Who != "192.0.2.1" {
			t.Errorf("%+v", e)
		}
	}
	slices.Reverse(got)
	want := []string{"created a 5 units, hold 5m0s, 2 per buyer", "added a 3 units", "paused a ", "resumed a ", "closed a ",
		"removed a "}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

package edge

import (
	"fmt"
	"testing"
	"time"

	"spike/edge/internal/storetest"
)

// Row A7: a sale without buyers costs a scrape little.
func TestA7IdleSalesHaveFewSeries(t *testing.T) {
	store := storetest.Embedded(t, 10, time.Minute)
	s := testServer(t, testConfig(), store)
	const most = 16 // metrics of a sale without buys
	count := func() (n int) {
		all, err := s.registry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "sale" && l.GetValue() != "" {
						n++
					}
				}
			}
		}
		return n
	}
	const sales = 20
	for k := range sales {
		name := fmt.Sprintf("s%d", k)
		(&storetest.Watched{Store: store}).Make(t, name)
		if _, err := s.sales.Find(name); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n > sales*most || n < sales*7 {
		t.Errorf("%d series for %d sales", n, sales)
	}
}

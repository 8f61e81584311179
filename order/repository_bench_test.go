//go:build integration

package order

import (
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// BenchmarkSave stores new orders, 500 to a transaction, with one writer.
func BenchmarkSave(b *testing.B) {
	for name, open := range map[string]func(testing.TB) testRepository{
		"sqlite": newSQLite,
		"postgres": func(t testing.TB) testRepository {
			return openTestRepository(t, rigtest.StartPostgres(t).URL("postgres"))
		},
	} {
		for what, told := range map[string]bool{"plain": false, "with webhooks": true} {
			b.Run(name+"/"+what, func(b *testing.B) {
				s := open(b)
				const rows = 500
				next := uint32(0)
				began := time.Now()
				for b.Loop() {
					batch := Entry{}
					ev := ledger.Event{ID: "1-1", Kind: ledger.Reserved, Birth: 1, At: 1, Raw: time.Now().UnixMicro()}
					for range rows {
						next++
						ev.Claims = append(ev.Claims, ledger.Claim{Serial: next, Count: 1, Fence: 7, Nonce: uint64(next),
							Expiry: 300e6})
					}
					if err := batch.addEvent("s", ev, true, told); err != nil {
						b.Fatal(err)
					}
					if err := s.Save(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*rows/time.Since(began).Seconds(), "rows/s")
			})
		}
	}
}

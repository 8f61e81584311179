package dashboard

import (
	"math"
	"strconv"
	"time"

	"spike/luascripts/ledger"
)

// meter is a process by its two newest beats. The counters of beats are cumulative, so a rate is their difference, by the
// process' own clock. A process that has just begun adds to no rate.
type meter struct {
	newest, before ledger.Beat // before.At is 0 after the first beat
	at             time.Time   // when the store got newest, by our clock
	sales          map[string]saleMeter
}

// saleMeter is a process' figures of one sale, between two beats.
type saleMeter struct {
	beat      ledger.SaleBeat
	known     bool               // the rates are known
	rates     map[string]float64 // by outcome, per second
	won, rest []uint64           // answers between the beats, by buckets of latency
}

// take takes the newest beat that the store has. It says whether that is news.
func (m *meter) take(b ledger.Beat, now time.Time) bool {
	if b.At == m.newest.At {
		return false
	}
	m.at = now.Add(-time.Duration(b.Age) * time.Microsecond)
	m.before, m.newest = m.newest, b
	old := map[string]ledger.SaleBeat{}
	for _, s := range m.before.Sales {
		old[s.Sale] = s
	}
	m.sales = make(map[string]saleMeter, len(b.Sales))
	for _, s := range b.Sales {
		was, there := old[s.Sale]
		m.sales[s.Sale] = m.between(was, s, there || m.before.At > 0 && m.before.MoreSales == 0)
	}
	return true
}

func (m *meter) between(was, is ledger.SaleBeat, known bool) saleMeter {
	s := saleMeter{beat: is, known: known && m.span() > 0, rates: map[string]float64{}}
	if !s.known {
		return s
	}
	for outcome, n := range is.Buys {
		s.rates[outcome] = float64(n-min(was.Buys[outcome], n)) / m.span()
	}
	s.won, s.rest = differences(was.Won, is.Won), differences(was.Rest, is.Rest)
	return s
}

// span is the seconds between the two beats; 0: not known.
func (m *meter) span() float64 {
	if m.before.At == 0 || m.newest.At <= m.before.At {
		return 0
	}
	return float64(m.newest.At-m.before.At) / 1e6
}

// rate is the rate of a counter of the whole process. It is nil if it is not known, or if the counter began anew.
func (m *meter) rate(was, is uint64) *float64 {
	if m.span() == 0 || is < was {
		return nil
	}
	return to(rounded(float64(is-was) / m.span()))
}

// all is the rates of all sales together; nil: not known.
func (m *meter) all() (won, answered *float64) {
	if m.span() == 0 {
		return nil, nil
	}
	w, a := 0.0, 0.0
	for _, s := range m.sales {
		w += s.rates[wonOutcome]
		a += sum(s.rates)
	}
	return to(rounded(w)), to(rounded(a))
}

func sum(rates map[string]float64) (all float64) {
	for _, r := range rates {
		all += r
	}
	return all
}

// differences is how much each counter grew. Counters that began anew, or whose buckets changed, grew by nothing.
func differences(was, is []uint64) []uint64 {
	if len(was) > 0 && len(was) != len(is) {
		return nil
	}
	grew := make([]uint64, len(is))
	for i, n := range is {
		grew[i] = n
		if len(was) > 0 {
			grew[i] -= min(was[i], n)
		}
	}
	return grew
}

// rounded leaves one digit after the point.
func rounded(v float64) float64 { return math.Round(v*10) / 10 }

func appendNumber(out []byte, v float64) []byte {
	if math.IsNaN(v) {
		return append(out, "null"...)
	}
	return strconv.AppendFloat(out, rounded(v), 'f', -1, 64)
}

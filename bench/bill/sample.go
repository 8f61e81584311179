package bill

import (
	"fmt"
	"math"
	"time"

	"spike/bench/crowd"
	"spike/bench/front"
	"spike/luascripts/ledger"
)

// Sample is one turn: one crowd at one design.
type Sample struct {
	Design string `json:"design"`
	Round  int    `json:"round"` // from 1

	Load    crowd.Result  `json:"load"`
	Cost    front.Cost    `json:"cost"` // 0 where it cannot be read
	Won     int64         `json:"won"`
	Sold    int64         `json:"sold"`    // by the sale's hash
	Reached int64         `json:"reached"` // requests the servers answered, as they count them; the article's do not
	Audit   *ledger.Audit `json:"audit,omitempty"`
	Wrong   []string      `json:"wrong,omitempty"` // what is not as it must be
}

// perMillion is a part of the bill, in CPU-seconds for a million requests: microseconds for one. It is not a number if the
// CPU time is not known.
func (s Sample) perMillion(part time.Duration) float64 {
	if s.Cost.Total() == 0 {
		return math.NaN()
	}
	return front.Per(part, s.Load.Answered)
}

// judge notes every fault. units is how many units must have been sold.
func (s *Sample) judge(wins *crowd.Wins, units int64) {
	wrong := func(format string, args ...any) { s.Wrong = append(s.Wrong, fmt.Sprintf(format, args...)) }
	if s.Load.Answered != s.Load.Requests || s.Load.Statuses[200] != s.Load.Answered {
		wrong("%d of %d requests answered, statuses %v, transport errors %v", s.Load.Answered, s.Load.Requests, s.Load.Statuses,
			s.Load.ErrorKinds)
	}
	if s.Won != units || s.Sold != units {
		wrong("%d units: %d won by the answers, %d sold by the hash", units, s.Won, s.Sold)
	}
	if s.Design == Article { // the article names no serial
		return
	}
	s.Wrong = append(s.Wrong, wins.Wrong()...)
	if a := s.Audit; a == nil || !a.OK || int64(a.Pending+a.Confirmed) != units {
		wrong("audit: %+v", a)
	}
}

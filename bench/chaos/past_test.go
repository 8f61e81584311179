package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// past writes histories. Each of their times is a second apart.
type past []Op

func (p past) op(kind Kind, word Word, token string, from, to time.Duration) past {
	op := Op{Kind: kind, Word: word, Edge: "edge1", Start: from, End: to}
	if token != "" {
		op.Serial, op.Token = 1, token
	}
	if word == Won {
		op.Until = from + 10
	}
	return append(p, op)
}

// s makes the times of a history seconds, so that they are far from the slack.
func (p past) s() []Op {
	for i := range p {
		for _, d := range []*time.Duration{&p[i].Start, &p[i].End, &p[i].Until} {
			if *d != Forever {
				*d *= time.Second
			}
		}
	}
	return p
}

func one() past { return past{}.op(Buy, Won, "a", 1, 2) }

// Histories without a fault must pass: a judge that blames everything is no use.
func TestHistoriesThatAreRight(t *testing.T) {
	for name, h := range map[string]past{
		"sold and paid": one().op(Confirm, Confirmed, "a", 3, 4).op(Confirm, Confirmed, "a", 5, 6),
		"cancelled and sold again": one().op(Cancel, Cancelled, "a", 3, 4).op(Buy, Won, "b", 4, 5).
			op(Confirm, Confirmed, "b", 6, 7),
		"cancel and sale overlap": one().op(Cancel, Cancelled, "a", 3, 9).op(Buy, Won, "b", 4, 5),
		"expired and sold again": one().op(Buy, Won, "b", 12, 13).op(Confirm, Expired, "a", 14, 15).
			op(Look, Expired, "a", 14, 15),
		"a lost cancel took effect late": one().op(Cancel, Unknown, "a", 3, Forever).op(Look, Pending, "a", 4, 5).
			op(Buy, Won, "b", 7, 8),
		"a lost cancel never took effect": one().op(Cancel, Unknown, "a", 3, Forever).op(Confirm, Confirmed, "a", 7, 8),
		"a lost confirm took effect late": one().op(Confirm, Unknown, "a", 3, Forever).op(Look, Pending, "a", 4, 5).
			op(Look, Confirmed, "a", 8, 9),
		"a lost confirm never took effect": one().op(Confirm, Unknown, "a", 3, Forever).op(Buy, Won, "b", 12, 13).
			op(Confirm, Confirmed, "b", 13, 14),
		"too late to cancel":                 one().op(Confirm, Confirmed, "a", 3, 4).op(Cancel, Confirmed, "a", 5, 6),
		"too late to pay":                    one().op(Cancel, Cancelled, "a", 3, 4).op(Confirm, Cancelled, "a", 5, 6),
		"a buy without an answer":            one().op(Buy, Unknown, "", 1, Forever),
		"sold out when the last one is paid": one().op(Confirm, Confirmed, "a", 3, 5).op(Buy, SoldOut, "", 3, 4),
		"none now while it is held":          one().op(Buy, NoneNow, "", 3, 4),
		"nobody knows while Redis is gone":   one().op(Buy, Undecided, "", 101, 102),
		"an answer older than the silence":   one().op(Buy, NoneNow, "", 99, 102),
	} {
		if broken := Judge(h.s(), 1, Silence{100 * time.Second, 200 * time.Second}); broken != nil {
			t.Errorf("%s: %v", name, broken)
		}
	}
}

// Each fault of a broken shop is found and named.
func TestPlantedFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		past
		named string
	}{
		"sold twice":         {one().op(Buy, Won, "b", 3, 4), "serial 1 has two owners"},
		"sold twice at once": {one().op(Buy, Won, "b", 1, 2), "serial 1 has two owners"},
		"sold twice, both paid": {one().op(Confirm, Confirmed, "a", 2, 3).op(Buy, Won, "b", 20, 21).
			op(Confirm, Confirmed, "b", 21, 22), "has two owners"},
		"sold again, the first paid":   {one().op(Confirm, Confirmed, "a", 2, 3).op(Buy, Won, "b", 20, 21), "has two owners"},
		"sold again, then paid":        {one().op(Buy, Won, "b", 12, 13).op(Confirm, Confirmed, "a", 14, 15), "has two owners"},
		"sold before its hold is over": {one().op(Buy, Won, "b", 10, 10), "has two owners"},
		"a cancel that came after":     {one().op(Buy, Won, "b", 3, 4).op(Cancel, Cancelled, "a", 5, 6), "has two owners"},
		"turned away":                  {one().op(Confirm, Expired, "a", 3, 4), "its winner was turned away"},
		"forgotten":                    {one().op(Look, NoSuch, "a", 3, 4), "its winner was turned away"},
		"paid, then forgotten":         {one().op(Confirm, Confirmed, "a", 3, 4).op(Look, Expired, "a", 20, 21), "no order of events"},
		"paid, then pending":           {one().op(Confirm, Confirmed, "a", 3, 4).op(Look, Pending, "a", 5, 6), "no order of events"},
		"cancelled by nobody":          {one().op(Look, Cancelled, "a", 3, 4), "no order of events"},
		"paid by nobody":               {one().op(Look, Confirmed, "a", 3, 4), "no order of events"},
		"cancelled, then paid": {one().op(Cancel, Cancelled, "a", 3, 4).op(Confirm, Confirmed, "a", 5, 6),
			"no order of events"},
		"told twice by one token":       {one().op(Buy, Won, "a", 3, 4), "has two owners"},
		"sold out and nobody paid":      {one().op(Buy, SoldOut, "", 3, 4), "when 0 of 1 can have been confirmed"},
		"sold out and paid for later":   {one().op(Buy, SoldOut, "", 3, 4).op(Confirm, Confirmed, "a", 5, 6), "when 0 of 1"},
		"sold out, and then sold":       {past{}.op(Buy, SoldOut, "", 1, 2).op(Buy, Won, "a", 3, 4), "before a unit was sold"},
		"sold out while Redis was gone": {one().op(Confirm, Confirmed, "a", 3, 4).op(Buy, SoldOut, "", 101, 102), "nobody could know"},
		"none now while Redis was gone": {one().op(Buy, NoneNow, "", 101, 102), "nobody could know"},
		"nonsense":                      {one().op(Buy, Odd, "", 3, 4), "not in the contract"},
	} {
		broken := strings.Join(Judge(c.s(), 1, Silence{100 * time.Second, 200 * time.Second}), "\n")
		if !strings.Contains(broken, c.named) {
			t.Errorf("%s: found %q", name, broken)
		}
	}
	h := one().s()
	h[0].Start, h[0].End = 13*time.Second, 14*time.Second
	if broken := Judge(h, 1); len(broken) != 1 || !strings.Contains(broken[0], "dead token") {
		t.Errorf("sold under a lease that is over: %v", broken)
	}
	h = one().s()
	h[0].Serial = 2
	if broken := Judge(h, 1); len(broken) == 0 {
		t.Error("a serial beyond the total is not found")
	}
}

// The model alone finds a double sale, and so does the plain search alone.
func TestBothJudgesFindADoubleSale(t *testing.T) {
	h := one().op(Buy, Won, "b", 3, 4).s()
	if linearizable(h) != porcupine.Illegal {
		t.Error("the model takes it")
	}
	if len(twice(1, livesOf(h))) != 1 {
		t.Error("the search takes it")
	}
	if h = one().op(Buy, Won, "b", 12, 13).s(); linearizable(h) != porcupine.Ok || len(twice(1, livesOf(h))) != 0 {
		t.Error("a hold that is over is held against the shop")
	}
}

// A hundred requests without an answer must not make the model think for ever.
func TestManyUnanswered(t *testing.T) {
	h := one()
	for i := range time.Duration(100) {
		h = h.op(Confirm, Unknown, "a", 2+i/50, Forever).op(Cancel, Unknown, "a", 2+i/50, Forever)
	}
	h = h.op(Buy, Won, "b", 12, 13).op(Confirm, Confirmed, "b", 14, 15)
	if got := linearizable(h.s()); got != porcupine.Ok {
		t.Error(got)
	}
	if got := linearizable(append(h, one().op(Confirm, Confirmed, "a", 16, 17).s()[1])); got != porcupine.Illegal {
		t.Error(got)
	}
}

func TestTwoWinnersAreNamed(t *testing.T) {
	h := one().op(Buy, Won, "b", 3, 4).s()
	h[0].Client, h[1].Client, h[1].Edge = 17, 23, "edge2"
	told := strings.Join(Judge(h, 1), "")
	for _, name := range []string{"17 at edge1", "23 at edge2", "[1.000s 2.000s]", "[3.000s 4.000s]"} {
		if !strings.Contains(told, name) {
			t.Errorf("no %q in %q", name, told)
		}
	}
}

func TestUnownedUnitsAreNamed(t *testing.T) {
	h := one().op(Confirm, Confirmed, "a", 3, 4).s()
	if broken := Unowned(h, 1); broken != nil {
		t.Error(broken)
	}
	if broken := Unowned(h, 2); len(broken) != 1 || !strings.Contains(broken[0], "serial 2") {
		t.Error(broken)
	}
}

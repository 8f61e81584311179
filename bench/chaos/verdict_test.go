package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Silence is a time in which nobody could know that nothing is left.
type Silence struct{ From, To time.Duration }

// Judge checks a history against the promises of a sale of total units, and names every broken promise.
func Judge(ops []Op, total uint32, silences ...Silence) (broken []string) {
	serials := bySerial(ops)
	for _, serial := range slices.Sorted(maps.Keys(serials)) {
		broken = append(broken, judgeSerial(serial, total, serials[serial])...)
	}
	broken = append(few(broken), untrue(ops, total)...)
	for _, s := range silences {
		broken = append(broken, spoken(ops, s)...)
	}
	return append(broken, odd(ops)...)
}

// judgeSerial checks one serial. The model decides if the plain search has found nothing.
func judgeSerial(serial, total uint32, ops []Op) (broken []string) {
	if serial > total {
		return []string{fmt.Sprintf("serial %d of %d was sold", serial, total)}
	}
	lives := livesOf(ops)
	broken = append(broken, twice(serial, lives)...)
	broken = append(broken, turnedAway(serial, lives)...)
	broken = append(broken, stillborn(serial, lives)...)
	if verdict := linearizable(ops); verdict != porcupine.Ok && len(broken) == 0 {
		broken = append(broken, fmt.Sprintf("serial %d: no order of events explains this (%s):\n\t%s", serial, verdict, story(ops)))
	}
	return broken
}

// life is a win and its fate.
type life struct {
	win      Op
	paid     bool          // somebody was told that it is confirmed
	release  time.Duration // its earliest possible end
	released bool          // its buyer tried to cancel it
	denied   *Op           // the first definite "no" to its token
	over     time.Duration // when somebody was first told that it is cancelled or over
}

// livesOf returns every win of a serial.
func livesOf(ops []Op) (lives []*life) {
	of := map[string]*life{}
	for _, op := range ops {
		if op.Word == Won {
			of[op.Token] = &life{win: op, release: op.Until, over: Forever}
			lives = append(lives, of[op.Token])
		}
	}
	for i := range ops {
		if l := of[ops[i].Token]; l != nil {
			l.note(&ops[i])
		}
	}
	return lives
}

// note adds an exchange about the token.
func (l *life) note(op *Op) {
	switch {
	case op.Word == Confirmed:
		l.paid = true
	case op.Kind == Cancel && op.Word != Expired && op.Word != NoSuch:
		l.released, l.release = true, min(l.release, op.Start)
	}
	if op.Word == Cancelled || op.Word == Expired || op.Word == NoSuch {
		l.over = min(l.over, op.End)
	}
	if op.Word == Expired || op.Word == NoSuch {
		if l.denied == nil || op.End < l.denied.End {
			l.denied = op
		}
	}
}

// gone is the earliest possible end of a win. A paid win has no end.
func (l *life) gone() time.Duration {
	if l.paid {
		return Forever
	}
	return l.release - slack
}

// twice names two winners of one unit who had it at the same time.
func twice(serial uint32, lives []*life) (broken []string) {
	for i, a := range lives {
		for _, b := range lives[:i] {
			if a.gone() > b.win.End && b.gone() > a.win.End {
				broken = append(broken, fmt.Sprintf("serial %d has two owners:\n\t%v, %s\n\t%v, %s",
					serial, b.win, b.fate(), a.win, a.fate()))
			}
		}
	}
	return broken
}

func (l *life) fate() string {
	switch {
	case l.paid:
		return "confirmed"
	case l.released:
		return "cancelled at " + seconds(l.release) + " or later"
	}
	return "never confirmed"
}

// turnedAway names winners who showed a good token in time and were told that it is not good.
func turnedAway(serial uint32, lives []*life) (broken []string) {
	for _, l := range lives {
		if d := l.denied; d != nil && (d.Word == NoSuch || d.End < l.win.Until-slack) {
			broken = append(broken, fmt.Sprintf("serial %d: its winner was turned away:\n\t%v\n\t%v %s", serial, l.win, *d, d.Said))
		}
	}
	return broken
}

// stillborn names winners whose token was over before they had asked for it. Times in answers are cut to seconds.
func stillborn(serial uint32, lives []*life) (broken []string) {
	for _, l := range lives {
		if l.win.Until+time.Second < l.win.Start {
			broken = append(broken, fmt.Sprintf("serial %d was sold with a dead token:\n\t%v", serial, l.win))
		}
	}
	return broken
}

// untrue names a "sold out, for good" that came before every unit can have been confirmed, or before a later win.
func untrue(ops []Op, total uint32) (broken []string) {
	first, lastWin := Op{End: Forever}, Op{Start: -1}
	for _, op := range ops {
		if op.Word == SoldOut && op.End < first.End {
			first = op
		}
		if op.Kind == Buy && op.Word == Won && op.Start > lastWin.Start {
			lastWin = op
		}
	}
	if first.End == Forever {
		return nil
	}
	if n := paidBefore(ops, first.End); n < int(total) {
		broken = append(broken, fmt.Sprintf("sold out for good was said when %d of %d can have been confirmed:\n\t%v", n, total, first))
	}
	if lastWin.Start > first.End {
		broken = append(broken, fmt.Sprintf("sold out for good was said before a unit was sold:\n\t%v\n\t%v", first, lastWin))
	}
	return broken
}

// paidBefore is how many units somebody had begun to confirm by then.
func paidBefore(ops []Op, then time.Duration) int {
	paid := map[uint32]bool{}
	for _, op := range ops {
		if op.Kind == Confirm && op.Start <= then {
			paid[op.Serial] = true
		}
	}
	return len(paid)
}

// spoken names buyers who asked, and were told that nothing is left, while nobody could know.
func spoken(ops []Op, s Silence) (broken []string) {
	for _, op := range ops {
		none := op.Word == SoldOut || op.Word == NoneNow
		if op.Kind == Buy && none && op.Start > s.From && op.End < s.To {
			broken = append(broken, fmt.Sprintf("from %s to %s nobody could know that nothing is left:\n\t%v",
				seconds(s.From), seconds(s.To), op))
		}
	}
	return few(broken)
}

// odd names answers that the contract does not have.
func odd(ops []Op) (broken []string) {
	for _, op := range ops {
		if op.Word == Odd || op.Word == OverLimit && op.Buyer == "" {
			broken = append(broken, fmt.Sprintf("not in the contract: %v: %s", op, op.Said))
		}
	}
	return few(broken)
}

// few cuts a list of faults to its first entries.
func few(broken []string) []string {
	const most = 5
	if len(broken) > most {
		return append(broken[:most:most], fmt.Sprintf("and %d more of that", len(broken)-most))
	}
	return broken
}

// story is a serial's history for people, in order.
func story(ops []Op) string {
	var lines []string
	for _, op := range byStart(ops) {
		lines = append(lines, fmt.Sprintf("%v …%s", op, tail(op.Token)))
	}
	return strings.Join(lines, "\n\t")
}

// Unowned names units of an ended sale whose owner was never told.
func Unowned(ops []Op, total uint32) (broken []string) {
	serials := bySerial(ops)
	for serial := uint32(1); serial <= total; serial++ {
		if !slices.ContainsFunc(serials[serial], func(op Op) bool { return op.Word == Confirmed }) {
			broken = append(broken, fmt.Sprintf("serial %d: nobody was told that it is theirs:\n\t%s", serial, story(serials[serial])))
		}
	}
	return few(broken)
}

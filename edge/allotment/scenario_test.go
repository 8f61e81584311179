package allotment

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/shard"
)

// Scenarios say what a Keeper does, for people to read: testdata/keeper/*.txt. A line that begins with ">" is a command, and its
// result follows. `go test ./edge/allotment -run TestScenarios -update` writes the results anew; then read them.
var update = flag.Bool("update", false, "write testdata down anew")

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/keeper/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			was, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			is := play(t, string(was))
			if is != string(was) && *update {
				err = os.WriteFile(file, []byte(is), 0o600)
			}
			if err != nil || is != string(was) && !*update {
				t.Errorf("%v; it is now:\n%s", err, is)
			}
		})
	}
}

// scene is a scenario under way.
type scene struct {
	*bench
	out    strings.Builder
	sent   []Instant         // the time of each of asked that was written down
	fences map[uint64]string // leases in the order of their coming
	eras   uint64
}

// play runs a scenario's commands, and returns the scenario with the results.
func play(t *testing.T, text string) string {
	s := &scene{fences: map[uint64]string{}, eras: 1}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		command, is := strings.CutPrefix(line, "> ")
		switch {
		case is:
			fmt.Fprintln(&s.out, line)
			s.do(t, strings.Fields(command))
			s.plans()
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&s.out, line)
		}
	}
	if s.bench != nil {
		s.audit()
	}
	return s.out.String()
}

func (s *scene) say(format string, args ...any) { fmt.Fprintf(&s.out, "  "+format+"\n", args...) }

// do executes one command.
func (s *scene) do(t *testing.T, words []string) {
	rest := words[1:]
	commands := map[string]func(){
		"sale":     func() { s.open(t, rest) },
		"buy":      func() { s.buys(amount(t, rest)) },
		"tick":     func() { s.tick() },
		"answer":   func() { s.answerOne(rest[0], true, true) },
		"lose":     func() { s.answerOne(rest[0], false, false) },
		"unheard":  func() { s.answerOne(rest[0], true, false) },
		"all":      func() { s.answerAll() },
		"wait":     func() { s.passes(length(t, rest), len(rest) > 1, false) }, // "busy": buyers come, and find nothing
		"run":      func() { s.passes(length(t, rest), len(rest) > 1, true) },
		"stop":     func() { s.asked = append(s.asked, s.k.Step(s.clock(), Stop{})...) },
		"news":     func() { s.asked = append(s.asked, s.k.Step(s.clock(), News{Door: s.head().State})...) },
		"stranger": func() { s.stranger(uint64(amount(t, rest))) },
		"hungry":   func() { s.hungry(amount(t, rest)) },
		"era":      func() { s.cut(rest) },
		"change":   func() { s.change(t, rest) },
		"show":     func() { s.show() },
	}
	command := commands[words[0]]
	if command == nil {
		t.Fatalf("no such command: %v", words)
	}
	command()
}

func (s *scene) open(t *testing.T, settings []string) {
	q := ledger.CreateRequest{}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		switch name {
		case "total":
			q.Total = uint64(amount(t, []string{value}))
		case "hold":
			q.Hold = length(t, []string{value})
		case "limit":
			q.Limit = uint32(amount(t, []string{value}))
		case "closes":
			q.Closes = time.UnixMicro((time.Hour + length(t, []string{value})).Microseconds())
		default:
			t.Fatal(setting)
		}
	}
	s.bench = newBench(t, q)
	s.ledger.On(memory.Node{Era: 1, Replicas: 1})
}

func amount(t *testing.T, words []string) int {
	if len(words) == 0 {
		return 1
	}
	n, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func length(t *testing.T, words []string) time.Duration {
	d, err := time.ParseDuration(words[0])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// buys is n buyers of one unit each, until one finds nothing. Then the Keeper looks.
func (s *scene) buys(n int) {
	var won []string
	for range n {
		got, o := s.buy()
		if o != Won {
			s.say("a buyer finds nothing, and hears %s", s.verdict())
			break
		}
		won = append(won, strconv.Itoa(int(got.Serial)))
	}
	if len(won) > 0 {
		s.say("sold %s", strings.Join(won, " "))
	}
	s.tick()
}

// verdict is the answer to a buyer.
func (s *scene) verdict() string {
	names := [Reasons]string{"undecided", "sold out", "none now", "paused", "unopened", "closed", "refused", "gone",
		"drawing", "lots"}
	if v := s.a.Verdict(); v != nil {
		return strconv.Quote(names[v.Reason])
	}
	return "nothing yet"
}

// kindOf is the scenarios' word for a call.
func kindOf(call any) string {
	name := strings.TrimSuffix(reflect.TypeOf(call).Name(), "Request")
	return strings.ToLower(name)
}

// answerOne executes the oldest call of a kind (there), and delivers its answer (back).
func (s *scene) answerOne(kind string, there, back bool) {
	for i, call := range s.asked {
		if kindOf(call) != kind {
			continue
		}
		sent := s.sent[i]
		s.asked, s.sent = append(s.asked[:i:i], s.asked[i+1:]...), append(s.sent[:i:i], s.sent[i+1:]...)
		s.goes(call, sent, there, back)
		return
	}
	s.say("no such call")
}

func (s *scene) goes(call any, sent Instant, there, back bool) {
	var reply any
	err := fmt.Errorf("test: %w", ledger.ErrDown)
	if there {
		heard, refused := execute(s.ledger, call)
		if s.said(kindOf(call), heard, refused, back); back {
			reply, err = heard, refused
		}
	}
	s.asked = append(s.asked, s.k.Step(s.clock(), Answer{Call: call, Reply: reply, Err: err, Sent: sent})...)
}

// answerAll answers every call until the Keeper makes no more.
func (s *scene) answerAll() {
	for range 100 {
		if len(s.asked) == 0 {
			return
		}
		s.plans()
		call, sent := s.asked[0], s.sent[0]
		s.asked, s.sent = s.asked[1:], s.sent[1:]
		s.goes(call, sent, true, true)
	}
	s.say("the Keeper never rests")
}

// passes lets time pass.
func (s *scene) passes(d time.Duration, busy, answers bool) {
	for end := s.now + d; s.now < end; {
		s.now = min(end, s.now+10*time.Millisecond)
		if busy {
			s.demand++
		}
		s.tick()
		s.plans()
		if answers {
			s.answerAll()
		}
	}
}

// cut gives the store another history: "promoted", "restarted" (nothing is lost), or "lossy".
func (s *scene) cut(how []string) {
	s.eras++
	n := memory.Node{Era: s.eras, Run: s.eras, File: true, Fsynced: true}
	switch how[0] {
	case "promoted":
		n.Fed, n.Followed = memory.WasFed, s.eras-1
	case "lossy":
		n.File, n.Fsynced = false, false
	case "restarted":
	}
	s.ledger.On(n)
}

// hungry is another edge with buyers, which asks for units so many times.
func (s *scene) hungry(times int) {
	for i := range times {
		q := ledger.LeaseRequest{Party: ledger.Party{Instance: "hungry"}, Request: uint64(i + 1), Want: 100,
			Term: time.Minute, Recall: true}
		r, err := s.ledger.Lease(context.Background(), benchSale, q)
		s.said("another edge", r, err, true)
	}
}

// change is a change by the operator.
func (s *scene) change(t *testing.T, words []string) {
	q := ledger.ChangeRequest{}
	switch words[0] {
	case "paused", "open", "closed":
		q.To = words[0]
	case "add":
		q.Add, q.Request = uint64(amount(t, words[1:])), fmt.Sprint(s.now)
	default:
		t.Fatal(words)
	}
	if _, err := s.ledger.Change(context.Background(), benchSale, q); err != nil {
		t.Fatal(err)
	}
}

// plans writes down the Keeper's new calls.
func (s *scene) plans() {
	if s.bench == nil {
		return
	}
	for _, call := range s.asked[len(s.sent):] {
		s.sent = append(s.sent, s.clock())
		s.say("%5d ms: asks %s", (s.now - time.Hour).Milliseconds(), s.asks(call))
	}
}

// asks is a call in words.
func (s *scene) asks(call any) string {
	switch q := call.(type) {
	case ledger.LeaseRequest:
		hungry := ""
		if q.Recall {
			hungry = ", has none"
		}
		return fmt.Sprintf("lease: #%d, up to %d%s", q.Request, q.Want, hungry)
	case ledger.RenewRequest:
		return fmt.Sprintf("renew: %s, awaits from #%d", s.leases(q.Fences), q.Awaited)
	case ledger.SettleRequest:
		return fmt.Sprintf("settle: batch %d,%s", q.Batch, s.claims(q.Claims))
	case ledger.GiveBackRequest:
		var parts []string
		for _, p := range q.Parts {
			parts = append(parts, s.fence(p.Fence)+" "+brief(p.Range))
		}
		return "giveback: " + strings.Join(parts, ", ")
	case ledger.ReassertRequest:
		var held []string
		for _, h := range q.Leases {
			held = append(held, s.fence(h.Fence)+" "+briefs(h.Ranges))
		}
		return fmt.Sprintf("reassert: in era %d, %s", q.Era, strings.Join(held, ", "))
	}
	return kindOf(call)
}

// said is a reply in words.
func (s *scene) said(kind string, reply any, err error, heard bool) {
	lost := ""
	if !heard {
		lost = ", which nobody hears"
	}
	if err != nil {
		s.say("the ledger refuses %s: %v%s", kind, err, lost)
		return
	}
	says := "it is done"
	switch r := reply.(type) {
	case ledger.LeaseReply:
		if says = "no units"; r.Grant.Fence != 0 {
			says = s.fence(r.Grant.Fence) + " is " + briefs(r.Grant.Ranges)
		}
	case ledger.RenewReply:
		var ends []string
		for _, d := range r.Deadlines {
			ends = append(ends, fmt.Sprintf("until %d ms", max(d-time.Hour.Microseconds(), 0)/1000))
		}
		says = strings.Join(append(ends, s.stands(r.Head)), "; ")
	case ledger.SettleReply:
		var verdicts []string
		for _, v := range r.Verdicts {
			verdicts = append(verdicts, [...]string{"kept", "resolved", "too late"}[v])
		}
		says = strings.Join(verdicts, ", ")
	case ledger.ReassertReply:
		var held []string
		for _, g := range r.Grants {
			held = append(held, s.fence(g.Fence)+" "+briefs(g.Ranges))
		}
		says = "it has " + strings.Join(held, ", ")
	}
	s.say("the ledger answers %s: %s%s", kind, says, lost)
}

// stands is a sale in words.
func (s *scene) stands(h ledger.Head) string {
	more := ""
	if h.Reopens > 0 {
		more = ", recovers"
	}
	if h.Recall {
		more += ", recall"
	}
	if h.State != ledger.Open {
		more += ", " + h.State.String()
	}
	return fmt.Sprintf("%d free, %d leased, %d in limbo, %d pending%s", h.Free, h.Leased, h.Limbo, h.Pending, more)
}

func (s *scene) show() {
	s.say("here: %d in stock, %d slots taken, %d leases; buyers hear %s", s.a.Stock(), s.a.Claims(), len(s.k.leases), s.verdict())
	s.say("ledger: %s", s.stands(s.head()))
}

func (s *scene) fence(f uint64) string {
	if s.fences[f] == "" {
		s.fences[f] = fmt.Sprintf("L%d", len(s.fences)+1)
	}
	return s.fences[f]
}

func (s *scene) leases(fences []uint64) string {
	var list []string
	for _, f := range fences {
		list = append(list, s.fence(f))
	}
	if len(list) == 0 {
		return "no lease"
	}
	return strings.Join(list, " ")
}

func (s *scene) claims(claims []ledger.Claim) (list string) {
	for _, c := range claims {
		list += fmt.Sprintf(" %s/%d", s.fence(c.Fence), c.Serial)
	}
	return list
}

func brief(r shard.Range) string { return fmt.Sprintf("%d..%d", r.Start, r.End-1) }

func briefs(rs ledger.Ranges) string {
	var list []string
	for _, r := range rs {
		list = append(list, brief(r))
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " ")
}

package luascripts

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// liar is a Redis that shakes hands, and then answers every command as it was told to.
type liar struct {
	says    atomic.Pointer[[]byte]
	serving sync.WaitGroup
}

func (l *liar) dial(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	here, there := net.Pipe()
	l.serving.Go(func() { l.serve(there) })
	return here, nil
}

func (l *liar) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		name, err := readCommand(in)
		if err != nil {
			return
		}
		answer := *l.says.Load()
		switch name {
		case "HELLO":
			answer = []byte("%2\r\n+version\r\n+7.0.15\r\n+proto\r\n:3\r\n")
		case "CLIENT":
			answer = []byte("+OK\r\n")
		case "PING":
			answer = []byte("+PONG\r\n")
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// readCommand reads an array of strings and returns the first, in capitals.
func readCommand(in *bufio.Reader) (name string, err error) {
	number := func() int {
		line, e := in.ReadString('\n')
		if e != nil || len(line) < 4 {
			err = errors.Join(err, io.ErrUnexpectedEOF)
			return 0
		}
		n, e := strconv.Atoi(line[1 : len(line)-2])
		err = errors.Join(err, e)
		return n
	}
	words := number()
	for i := 0; i < words && err == nil; i++ {
		word := make([]byte, number()+2)
		if _, e := io.ReadFull(in, word); e != nil {
			return "", e
		}
		if i == 0 {
			name = strings.ToUpper(string(word[:len(word)-2]))
		}
	}
	return name, err
}

// newLiar is a store on a Redis that lies.
func newLiar(t testing.TB) (*Redis, *liar) {
	t.Helper()
	l := &liar{}
	l.says.Store(&[]byte{'+', 'O', 'K', '\r', '\n'})
	r, err := Dial(t.Context(), rueidis.ClientOption{InitAddress: []string{"liar:1"}, ForceSingleClient: true,
		DialCtxFn: l.dial}, ledger.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); l.serving.Wait() })
	return r, l
}

// recipe is a fuzzer's bytes as instructions for an answer.
type recipe struct{ bytes []byte }

func (r *recipe) next() byte {
	if len(r.bytes) == 0 {
		return 0
	}
	b := r.bytes[0]
	r.bytes = r.bytes[1:]
	return b
}

func (r *recipe) some(n int) (out []byte) {
	n = min(n, len(r.bytes))
	out, r.bytes = r.bytes[:n], r.bytes[n:]
	return out
}

func (r *recipe) number() int64 {
	if b := r.next(); b < 250 {
		return int64(b) - 2
	}
	var room [8]byte
	copy(room[:], r.some(len(room)))
	return int64(binary.BigEndian.Uint64(room[:]))
}

// wrongs are errors with which Redis, or a script, answers.
var wrongs = []string{"ERR no", "OOM command not allowed", "READONLY You can't write", "NOREPLICAS Not enough",
	"MISCONF snapshots", "NOSCRIPT No matching",
	"NOAUTH Authentication required.", "NOPERM no", "WRONGTYPE Operation", "BUSY Redis is busy", "NOGROUP No such key",
	"NOSALE x", "LATE 5 x", "LATE x", "BIRTH", "",
	"CLOSED closed", "UNBLOCKED x", "EXECABORT x"}

// value makes one value of any of RESP's kinds.
func (r *recipe) value(deep int) []byte {
	switch r.next() % 12 {
	case 0:
		return fmt.Appendf(nil, ":%d\r\n", r.number())
	case 1:
		text := r.some(int(r.next()))
		return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(text), text)
	case 2:
		return []byte("_\r\n")
	case 3:
		return fmt.Appendf(nil, "-%s\r\n", wrongs[int(r.next())%len(wrongs)])
	case 4:
		return fmt.Appendf(nil, "+%d\r\n", r.number())
	case 5:
		return []byte("#t\r\n")
	case 6:
		return []byte(",1.5\r\n")
	case 7:
		return []byte("(340282366920938463463374607431768211456\r\n")
	case 8:
		return r.list('%', 2, deep)
	case 9:
		return r.list('~', 1, deep)
	}
	return r.list('*', 1, deep)
}

func (r *recipe) list(kind byte, each, deep int) []byte {
	n := int(r.next() % 6)
	if deep == 0 {
		n = 0
	}
	out := fmt.Appendf(nil, "%c%d\r\n", kind, n)
	for range n * each {
		out = append(out, r.value(deep-1)...)
	}
	return out
}

// answer makes a whole answer. About half of them begin as a script's do.
func (r *recipe) answer() []byte {
	if r.next()%2 == 0 {
		return r.value(4)
	}
	kind := r.next()
	n, lots := int(kind%5), int(kind>>7)
	out := fmt.Appendf(nil, "*%d\r\n*%d\r\n", 1+n, headFields+lots)
	for i := range headFields {
		v := int64(0)
		if i < 2 {
			v = 1795399305199326
		} else if r.next()%8 == 0 {
			v = r.number()
		}
		out = fmt.Appendf(out, ":%d\r\n", v)
	}
	if lots > 0 {
		out = r.lots(out)
	}
	for range n {
		out = append(out, r.value(3)...)
	}
	return out
}

// lots makes a head's last part. About half of them are right.
func (r *recipe) lots(out []byte) []byte {
	if r.next()%2 == 0 {
		return append(out, r.value(3)...)
	}
	out = append(out, "*8\r\n"...)
	for range 7 {
		out = fmt.Appendf(out, ":%d\r\n", r.number())
	}
	return append(out, r.value(0)...)
}

// calls are all that is ever asked of a store.
var calls = []struct {
	name string
	do   func(context.Context, *Redis) (any, error)
}{
	{"lease", func(ctx context.Context, r *Redis) (any, error) {
		return r.Lease(ctx, "a", ledger.LeaseRequest{Request: 1, Want: 5, Term: time.Second})
	}},
	{"renew", func(ctx context.Context, r *Redis) (any, error) {
		return r.Renew(ctx, "a", ledger.RenewRequest{Party: ledger.Party{Birth: 1}, Fences: []uint64{1, 2}})
	}},
	{"look", func(ctx context.Context, r *Redis) (any, error) { return r.Renew(ctx, "a", ledger.RenewRequest{}) }},
	{"give back", func(ctx context.Context, r *Redis) (any, error) {
		return r.GiveBack(ctx, "a", ledger.GiveBackRequest{})
	}},
	{"reassert", func(ctx context.Context, r *Redis) (any, error) {
		return r.Reassert(ctx, "a", ledger.ReassertRequest{})
	}},
	{"settle", func(ctx context.Context, r *Redis) (any, error) {
		return r.Settle(ctx, "a", ledger.SettleRequest{Claims: make([]ledger.Claim, 3)})
	}},
	{"deduct", func(ctx context.Context, r *Redis) (any, error) {
		return r.Deduct(ctx, "a", ledger.DeductRequest{N: 1})
	}},
	{"enter", func(ctx context.Context, r *Redis) (any, error) {
		return r.EnterDraw(ctx, "a", ledger.EnterRequest{Buyers: make([]ledger.Buyer, 3)})
	}},
	{"draw", func(ctx context.Context, r *Redis) (any, error) { return r.Draw(ctx, "a", 0, 5) }},
	{"confirm", func(ctx context.Context, r *Redis) (any, error) { return r.Confirm(ctx, "a", 1, ledger.Claim{}) }},
	{"cancel", func(ctx context.Context, r *Redis) (any, error) { return r.Cancel(ctx, "a", 1, ledger.Claim{}) }},
	{"reservation", func(ctx context.Context, r *Redis) (any, error) { return r.Reservation(ctx, "a", 1, ledger.Claim{}) }},
	{"mine", func(ctx context.Context, r *Redis) (any, error) { return r.Mine(ctx, "a", 1, ledger.Buyer{1}) }},
	{"expire", func(ctx context.Context, r *Redis) (any, error) { return r.Expire(ctx, "a", 5) }},
	{"tend", func(ctx context.Context, r *Redis) (any, error) { return r.Tend(ctx, "a", ledger.TendRequest{Most: 5}) }},
	{"marks", func(ctx context.Context, r *Redis) (any, error) {
		marks, _, err := r.Marks(ctx, []string{"a", "b"})
		return marks, err
	}},
	{"born", func(ctx context.Context, r *Redis) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		return r.Born(ctx, 7)
	}},
	{"show", func(ctx context.Context, r *Redis) (any, error) { return r.Show(ctx, "a") }},
	{"audit", func(ctx context.Context, r *Redis) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond) // a liar's cursor may have no end
		defer cancel()
		return r.Audit(ctx, "a")
	}},
	{"create", func(ctx context.Context, r *Redis) (any, error) {
		return r.Create(ctx, "a", ledger.CreateRequest{Total: 1})
	}},
	{"change", func(ctx context.Context, r *Redis) (any, error) { return r.Change(ctx, "a", ledger.ChangeRequest{}) }},
	{"remove", func(ctx context.Context, r *Redis) (any, error) { return nil, r.Remove(ctx, "a") }},
	{"list", func(ctx context.Context, r *Redis) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		return r.List(ctx)
	}},
	{"buys", func(ctx context.Context, r *Redis) (any, error) {
		return r.DeductEach(ctx, "a", []ledger.DeductRequest{{N: 1}, {N: 2, Key: ledger.IdempotencyKey{1}}})
	}},
	{"events", func(ctx context.Context, r *Redis) (any, error) {
		return r.ReadEvents(ctx, "a", ledger.Group{Name: "g", Consumer: "c"}, 5)
	}},
	{"take over", func(ctx context.Context, r *Redis) (any, error) {
		return r.TakeOver(ctx, "a", ledger.Group{Name: "g", Consumer: "c"}, time.Second, 5)
	}},
	{"ack", func(ctx context.Context, r *Redis) (any, error) {
		return nil, r.AckEvents(ctx, "a", ledger.Group{Name: "g", Consumer: "c"}, []string{"1-1"})
	}},
	{"trim", func(ctx context.Context, r *Redis) (any, error) { return nil, r.TrimEvents(ctx, "a") }},
	{"lag", func(ctx context.Context, r *Redis) (any, error) {
		return r.EventLag(ctx, "a", ledger.Group{Name: "g", Consumer: "c"})
	}},
	{"stored", func(ctx context.Context, r *Redis) (any, error) {
		return r.EventsStored(ctx, "a", ledger.Group{Name: "g", Consumer: "c"})
	}},
	{"group", func(ctx context.Context, r *Redis) (any, error) {
		return r.BindGroup(ctx, "g", ledger.Binding{ID: "a"}, false)
	}},
	{"token key", func(ctx context.Context, r *Redis) (any, error) { return r.TokenKey(ctx) }},
	{"risks", func(ctx context.Context, r *Redis) (any, error) { return r.Risks(ctx), nil }},
}

// FuzzReplies: no answer of Redis causes a panic. An answer that is not understood is an error that says so. An answer that
// is understood can be used: doors and lives have a name, ranges begin before they end, and each claim has one verdict.
func FuzzReplies(f *testing.F) {
	for i := range calls {
		for _, seed := range []string{"",
			"\x01\x03" + strings.Repeat("\x01", 20) + "\x0a\x03\x00\x05\x00\x06\x00\x07",
			"\x00\x0a\x02\x01\x01a\x0a\x01\x0a\x02\x01\x031-1\x0a\x02\x01\x01n\x01\x011", "\x00\x0a\x01\x0a\x00",
			"\x00\x02", "\x00\x03\x05",
			"\x01\x81\x01" + strings.Repeat("\x02", 18) + "\x01" + strings.Repeat("\x05", 7) + "\x01\x02ab",
			"\x01\x01" + strings.Repeat("\x00\xff", 21)} {
			f.Add(byte(i), []byte(seed))
		}
		for n := range wrongs {
			f.Add(byte(i), []byte{0, 3, byte(n)})
		}
		for n := range byte(5) { // one list of n numbers, after a head
			f.Add(byte(i), slices.Concat([]byte{1, 1}, bytes.Repeat([]byte{1}, headFields-2), []byte{10, n},
				bytes.Repeat([]byte{0, 9}, int(n))))
		}
	}
	r, l := newLiar(f)
	f.Fuzz(func(t *testing.T, call byte, text []byte) {
		answer := (&recipe{text}).answer()
		l.says.Store(&answer)
		r.durability.sales.Clear()
		c := calls[int(call)%len(calls)]
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		got, err := c.do(ctx, r)
		var refusal *ledger.Refusal
		if err != nil {
			if !errors.Is(err, ledger.ErrDown) && !errors.As(err, &refusal) || err.Error() == "" {
				t.Errorf("%s: %v after %q", c.name, err, answer)
			}
			return
		}
		if wrong := unusable(got); wrong != "" {
			t.Errorf("%s: %s in %+v after %q", c.name, wrong, got, answer)
		}
	})
}

func wrongAnswer(g ledger.DeductReply) string {
	if g.Answer < ledger.Unavailable || g.Answer > ledger.KeyUsed || g.Answer == ledger.Granted && g.Claim.Count == 0 {
		return fmt.Sprintf("answer %d", g.Answer)
	}
	return ""
}

// unusable says what in an answer would mislead its user.
func unusable(got any) (wrong string) {
	defer func() {
		if p := recover(); p != nil {
			wrong = fmt.Sprint(p)
		}
	}()
	switch g := got.(type) {
	case ledger.LeaseReply:
		wrong = oddRanges(g.Grant.Ranges)
	case ledger.ReassertReply:
		for _, one := range g.Grants {
			wrong += oddRanges(one.Ranges)
		}
	case ledger.RenewReply:
		if len(g.Deadlines) > 64 {
			wrong = "many deadlines"
		}
	case ledger.SettleReply:
		for _, v := range g.Verdicts {
			if v < ledger.Kept || v > ledger.TooLate {
				wrong = fmt.Sprintf("verdict %d", v)
			}
		}
		if len(g.Verdicts) != 3 {
			wrong = "not a verdict for each claim"
		}
	case ledger.DeductReply:
		wrong = wrongAnswer(g)
	case []ledger.Deducted:
		for _, one := range g {
			if one.Err == nil && wrong == "" {
				wrong = wrongAnswer(one.DeductReply)
			}
		}
	case ledger.ReservationReply:
		_ = g.Life.String()
	}
	if h := reflect.ValueOf(got); wrong == "" && h.Kind() == reflect.Struct {
		if f := h.FieldByName("State"); f.IsValid() {
			_ = f.Interface().(ledger.State).String()
		}
	}
	return wrong
}

func oddRanges(rs ledger.Ranges) string {
	for _, r := range rs {
		if r.Start < 1 || r.Start >= r.End {
			return fmt.Sprintf("range %+v", r)
		}
	}
	return ""
}

// FuzzEvents: an entry that no script wrote is an event of unknown kind. An entry that a script could have written is read as
// it is.
func FuzzEvents(f *testing.F) {
	block := string(ledger.Claim{Serial: 1, Count: 1}.AppendTo(nil))
	f.Add("1-1", "1", "reserved", "1795399305199326", "5", "6", block)
	f.Add("1-1", "", "sung", "-1", "x", "", "")
	f.Add("", "18446744073709551616", "expired", "+1", "1e3", "0x1", block+"x")
	f.Fuzz(func(t *testing.T, id, n, kind, birth, at, raw, b string) {
		fields := map[string]string{"n": n, "t": kind, "s": birth, "at": at, "raw": raw, "b": b}
		events := eventsOf([]rueidis.XRangeEntry{{ID: id, FieldValues: fields}})
		if len(events) != 1 || events[0].ID != id {
			t.Fatalf("%+v", events)
		}
		e := events[0]
		good := isNumber(n, false) && isNumber(birth, false) && isNumber(at, true) && isNumber(raw, true) &&
			len(b)%ledger.ClaimSize == 0 && ledger.EventKind(kind).Known()
		if good != e.Kind.Known() || good && (e.Kind != ledger.EventKind(kind) || len(e.Claims) != len(b)/ledger.ClaimSize) {
			t.Errorf("%q %q %q %q %q: %+v", n, kind, birth, at, raw, e)
		}
	})
}

func isNumber(text string, signed bool) bool {
	var err error
	if signed {
		_, err = strconv.ParseInt(text, 10, 64)
	} else {
		_, err = strconv.ParseUint(text, 10, 64)
	}
	return err == nil
}

// FuzzNames: a key that is a sale's hash or channel is that of one sale, whose name is valid.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"ticket", "ticket_hash_key", "{ticket_hash_key}:news", "a_hash_key_hash_key", ".x_hash_key",
		"{{a_hash_key}:news", "a}:news"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if name, ok := ledger.SaleOf(text); ok && (ledger.CheckName(name) != nil || Keys(name)[0] != text) {
			t.Errorf("%q is the hash of %q", text, name)
		}
		if name, ok := saleOfNews(text); ok && (ledger.CheckName(name) != nil || newsChannel(name) != text) {
			t.Errorf("%q is the channel of %q", text, name)
		}
		if ledger.CheckName(text) == nil && strings.ContainsAny(text, "{}:*?[]\\/ \r\n\x00") {
			t.Errorf("%q is a name", text)
		}
	})
}

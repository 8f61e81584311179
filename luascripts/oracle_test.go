//go:build integration

package luascripts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"pgregory.net/rapid"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/shard"
)

// quickBounds let leases and holds end within a test.
func quickBounds() ledger.Bounds {
	return ledger.Bounds{Step: 20 * time.Millisecond, Margin: 4 * time.Millisecond, Cover: 25 * time.Millisecond,
		Active: 20 * time.Millisecond, Recall: 5 * time.Millisecond, Forget: 60 * time.Millisecond, Sweep: 4, Ranges: 3,
		Index: 2, Frees: 2, Held: 4, Lease: 15 * time.Millisecond, Proof: 8 * time.Millisecond, Keep: 10 * time.Millisecond, Most: 2,
		Refused: 2, Group: 3, Enter: 8, Holders: 7}
}

// dial connects. A call may take long: on a busy machine a Redis that is well does.
func dial(t testing.TB, addr string, b ledger.Bounds) *Redis {
	t.Helper()
	r, err := connect(context.Background(), rueidis.ClientOption{InitAddress: []string{addr}}, b, 10*ledger.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// oracle runs the same operations on the scripts and on their twin, at the same times. Every two replies must be equal.
type oracle struct {
	t       *rapid.T
	redis   *Redis
	twin    *memory.Twin
	node    memory.Node // that the twin is on
	sale    string
	parts   []ledger.Part  // everything ever granted
	claims  []ledger.Claim // everything ever claimed
	fences  []uint64       //
	owners  []string       // instances
	fed     bool           // the server was a replica before, and may be promoted again
	req     uint64
	batch   uint64
	tended  []ledger.Head
	marks   []ledger.AnswersMark
	marksOf uint64 // the birth that they are of
}

// same runs one operation on both sides. The twin gets the time of Redis' answer.
func same[R any](o *oracle, op string, onRedis func() (R, error), head func(R) ledger.Head, onTwin func(int64) (R, error)) R {
	got, err := onRedis()
	if errors.Is(err, ledger.ErrRecovering) || errors.Is(err, ledger.ErrReassert) { // nothing was written but the time, perhaps
		recovering := o.twin.Last().Reopens > 0
		if raw := o.raw(); raw != o.twin.Last().Raw {
			_, twinErr := onTwin(raw)
			recovering = errors.Is(twinErr, ledger.ErrRecovering)
		}
		if !recovering {
			o.t.Fatalf("%s: redis %v, the twin does not recover", op, err)
		}
		return got
	}
	if err != nil {
		before := o.twin.Last()
		want, twinErr := onTwin(before.Raw)
		o.twin.Undraw(before) // a refused script writes nothing, not even that lots were drawn
		if errors.Is(twinErr, ledger.ErrRecovering) || errors.Is(twinErr, ledger.ErrReassert) {
			return got // at the time of the last answer; it has passed
		}
		var refused, twinRefused *ledger.Refusal
		if !errors.As(err, &refused) || !errors.As(twinErr, &twinRefused) || refused.Code != twinRefused.Code {
			o.t.Fatalf("%s: redis %v, twin %v %v", op, err, want, twinErr)
		}
		return got
	}
	want, err := onTwin(head(got).Raw)
	if err != nil || !reflect.DeepEqual(normal(got), normal(want)) {
		o.t.Fatalf("%s:\nredis %+v\ntwin  %+v %v", op, got, want, err)
	}
	return got
}

// normal prints a reply, so that nil and empty are one.
func normal(v any) string { return fmt.Sprintf("%+v", v) }

func (o *oracle) party() ledger.Party {
	who := rapid.SampledFrom(o.owners).Draw(o.t, "instance")
	birth := o.twin.Last().Birth
	if rapid.IntRange(0, 40).Draw(o.t, "stranger") == 0 {
		birth++
	}
	return ledger.Party{Birth: birth, Instance: who, Node: "n" + who}
}

func (o *oracle) lease() {
	if rapid.IntRange(0, 4).Draw(o.t, "repeat") > 0 {
		o.req++
	}
	q := ledger.LeaseRequest{Party: o.party(), Request: o.req, Want: uint64(rapid.IntRange(0, 12).Draw(o.t, "want")),
		Term: 15 * time.Millisecond, Recall: rapid.Bool().Draw(o.t, "recall"),
		Run: uint32(rapid.IntRange(0, 4).Draw(o.t, "run"))}
	got := same(o, fmt.Sprintf("lease %+v", q),
		func() (ledger.LeaseReply, error) { return o.redis.Lease(context.Background(), o.sale, q) },
		func(r ledger.LeaseReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.LeaseReply, error) { return o.twin.Lease(raw, q) })
	for _, r := range got.Grant.Ranges {
		o.parts = append(o.parts, ledger.Part{Fence: got.Grant.Fence, Range: r})
	}
	if f := got.Grant.Fence; f != 0 {
		o.fences = append(o.fences, f)
	}
}

func (o *oracle) renew() {
	q := ledger.RenewRequest{Party: o.party(), Awaited: o.req + uint64(rapid.IntRange(0, 1).Draw(o.t, "awaited")),
		Term: 15 * time.Millisecond}
	for _, f := range o.fences[max(0, len(o.fences)-5):] {
		if rapid.IntRange(0, 3).Draw(o.t, "named") > 0 {
			q.Fences = append(q.Fences, f)
		}
	}
	same(o, fmt.Sprintf("renew %+v", q),
		func() (ledger.RenewReply, error) { return o.redis.Renew(context.Background(), o.sale, q) },
		func(r ledger.RenewReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.RenewReply, error) { return o.twin.Renew(raw, q) })
}

// piece is a sub-range of something once granted.
func (o *oracle) piece() ledger.Part {
	p := rapid.SampledFrom(o.parts[max(0, len(o.parts)-6):]).Draw(o.t, "part")
	a := rapid.Uint32Range(p.Start, p.End-1).Draw(o.t, "a")
	b := rapid.Uint32Range(a+1, p.End).Draw(o.t, "b")
	return ledger.Part{Fence: p.Fence, Range: shard.Range{Start: a, End: b}}
}

func (o *oracle) giveBack() {
	if len(o.parts) == 0 {
		return
	}
	q := ledger.GiveBackRequest{Party: o.party()}
	for range rapid.IntRange(0, 3).Draw(o.t, "parts") {
		q.Parts = append(q.Parts, o.piece())
	}
	same(o, fmt.Sprintf("give back %+v", q),
		func() (ledger.GiveBackReply, error) { return o.redis.GiveBack(context.Background(), o.sale, q) },
		func(r ledger.GiveBackReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.GiveBackReply, error) { return o.twin.GiveBack(raw, q) })
}

func (o *oracle) claim() ledger.Claim {
	if len(o.claims) > 0 && rapid.IntRange(0, 3).Draw(o.t, "again") == 0 {
		c := rapid.SampledFrom(o.claims).Draw(o.t, "claim")
		if rapid.IntRange(0, 3).Draw(o.t, "forged") == 0 {
			c.Nonce++
		}
		return c
	}
	p := o.piece()
	c := ledger.Claim{Serial: p.Start, Count: p.Len(), Fence: p.Fence, Nonce: uint64(len(o.claims) + 1),
		Expiry: o.twin.Last().Now + int64(rapid.IntRange(-2000, 30000).Draw(o.t, "expiry"))}
	o.claims = append(o.claims, c)
	return c
}

func (o *oracle) settle() {
	if len(o.parts) == 0 {
		return
	}
	if rapid.IntRange(0, 4).Draw(o.t, "repeat") > 0 {
		o.batch++
	}
	q := ledger.SettleRequest{Party: o.party(), Batch: o.batch}
	for range rapid.IntRange(0, 4).Draw(o.t, "claims") {
		q.Claims = append(q.Claims, o.claim())
	}
	same(o, fmt.Sprintf("settle %+v", q),
		func() (ledger.SettleReply, error) { return o.redis.Settle(context.Background(), o.sale, q) },
		func(r ledger.SettleReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.SettleReply, error) { return o.twin.Settle(raw, q) })
}

func (o *oracle) deduct() {
	q := o.buy(o.party())
	got := same(o, fmt.Sprintf("deduct %+v", q),
		func() (ledger.DeductReply, error) { return o.redis.Deduct(context.Background(), o.sale, q) },
		func(r ledger.DeductReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.DeductReply, error) { return o.twin.Deduct(raw, q) })
	o.had(got)
}

// deductEach is several buys in one call.
func (o *oracle) deductEach() {
	who, qs := o.party(), make([]ledger.DeductRequest, rapid.IntRange(2, 6).Draw(o.t, "buys"))
	for k := range qs {
		qs[k] = o.buy(who)
	}
	got := same(o, fmt.Sprintf("deduct each %+v", qs),
		func() (told, error) { return tellEach(o.redis.DeductEach(context.Background(), o.sale, qs)) },
		func(r told) ledger.Head { return r.Head },
		func(raw int64) (told, error) { return tellEach(o.twin.DeductEach(raw, qs)) })
	for _, r := range got.answers {
		o.had(r)
	}
}

// answers are all that is kept for repeats, or what is new since some earlier call.
func (o *oracle) answers() {
	q := ledger.AnswersRequest{Birth: o.party().Birth}
	if len(o.marks) > 0 && q.Birth == o.marksOf && rapid.Bool().Draw(o.t, "since") {
		q.Last = &o.marks[rapid.IntRange(0, len(o.marks)-1).Draw(o.t, "mark")]
	}
	got := same(o, fmt.Sprintf("answers %+v", q),
		func() (ledger.AnswersReply, error) { return o.redis.Answers(context.Background(), o.sale, q) },
		func(r ledger.AnswersReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.AnswersReply, error) { return o.twin.Answers(raw, q) })
	if got.Birth != o.marksOf { // a mark is of one birth: who sees another one begins anew
		o.marks, o.marksOf = nil, got.Birth
	}
	if got.Birth != 0 {
		o.marks = append(o.marks, got.Mark)
	}
}

// told is the answers to several buys.
type told struct {
	ledger.Head
	answers  []ledger.DeductReply
	refusals []string
}

func tellEach(out []ledger.Deducted, err error) (all told, _ error) {
	for _, d := range out {
		code := ""
		var no *ledger.Refusal
		if errors.As(d.Err, &no) {
			code = no.Code
		}
		all.Head = d.Head
		all.answers, all.refusals = append(all.answers, d.DeductReply), append(all.refusals, code)
	}
	return all, err
}

// buy is one buy of that caller.
func (o *oracle) buy(who ledger.Party) ledger.DeductRequest {
	q := ledger.DeductRequest{Party: who, N: uint32(rapid.IntRange(1, 4).Draw(o.t, "n")),
		Nonce: uint64(rapid.Int64Range(1, 1<<53-2).Draw(o.t, "nonce"))}
	q.Buyer[3] = byte(rapid.IntRange(0, 3).Draw(o.t, "buyer"))
	if o.twin.Last().Limit == 0 || q.Buyer != (ledger.Buyer{}) { // else a refusal, of which nobody knows the time
		q.Key[5] = byte(rapid.IntRange(0, 5).Draw(o.t, "key"))
	}
	if len(o.parts) > 0 && rapid.IntRange(0, 3).Draw(o.t, "offers") == 0 {
		q.Offer = o.claim()
		q.Offer.Buyer, q.N = q.Buyer, q.Offer.Count
	}
	return q
}

func (o *oracle) had(r ledger.DeductReply) {
	if r.Claim.Serial != 0 {
		o.claims = append(o.claims, r.Claim)
	}
}

// enter puts some of few buyers into the draw, again and again.
func (o *oracle) enter() {
	q := ledger.EnterRequest{Birth: o.party().Birth, Buyers: make([]ledger.Buyer, rapid.IntRange(0, 4).Draw(o.t, "entrants"))}
	for i := range q.Buyers {
		q.Buyers[i][3] = byte(rapid.IntRange(1, 9).Draw(o.t, "buyer"))
	}
	same(o, fmt.Sprintf("enter %+v", q),
		func() (ledger.EnterReply, error) { return o.redis.EnterDraw(context.Background(), o.sale, q) },
		func(r ledger.EnterReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.EnterReply, error) { return o.twin.EnterDraw(raw, q) })
}

// collect asks for what a buyer has drawn.
func (o *oracle) collect() {
	q := ledger.DeductRequest{Party: o.party(), N: 1, Nonce: uint64(rapid.Int64Range(1, 1<<53-2).Draw(o.t, "nonce")), ByLot: true,
		Ever: rapid.Bool().Draw(o.t, "ever")}
	q.Buyer[3] = byte(rapid.IntRange(1, 9).Draw(o.t, "buyer"))
	q.Key[5] = byte(rapid.IntRange(0, 2).Draw(o.t, "key"))
	got := same(o, fmt.Sprintf("collect %+v", q),
		func() (ledger.DeductReply, error) { return o.redis.Deduct(context.Background(), o.sale, q) },
		func(r ledger.DeductReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.DeductReply, error) { return o.twin.Deduct(raw, q) })
	if got.Claim.Serial != 0 {
		o.claims = append(o.claims, got.Claim)
	}
}

func (o *oracle) draw() {
	from, most := rapid.IntRange(0, 5).Draw(o.t, "from"), rapid.IntRange(1, 9).Draw(o.t, "most")
	same(o, "draw", func() (ledger.DrawReply, error) { return o.redis.Draw(context.Background(), o.sale, from, most) },
		func(r ledger.DrawReply) ledger.Head { return r.Head }, func(raw int64) (ledger.DrawReply,
			error) {
			return o.twin.Draw(raw, from, most), nil
		})
}

// resolve confirms, cancels or reads a reservation.
func (o *oracle) resolve() {
	if len(o.claims) == 0 {
		return
	}
	c := rapid.SampledFrom(o.claims[max(0, len(o.claims)-8):]).Draw(o.t, "claim")
	birth := o.party().Birth
	reply := func(r ledger.ReservationReply) ledger.Head { return r.Head }
	switch rapid.IntRange(0, 4).Draw(o.t, "to") {
	case 0:
		same(o, fmt.Sprintf("confirm %+v", c),
			func() (ledger.ReservationReply, error) {
				return o.redis.Confirm(context.Background(), o.sale, birth, c)
			}, reply,
			func(raw int64) (ledger.ReservationReply, error) { return o.twin.Confirm(raw, birth, c) })
	case 1:
		same(o, fmt.Sprintf("cancel %+v", c),
			func() (ledger.ReservationReply, error) { return o.redis.Cancel(context.Background(), o.sale, birth, c) }, reply,
			func(raw int64) (ledger.ReservationReply, error) { return o.twin.Cancel(raw, birth, c) })
	case 2:
		same(o, fmt.Sprintf("look at %+v", c),
			func() (ledger.ReservationReply, error) {
				return o.redis.Reservation(context.Background(), o.sale, birth, c)
			}, reply,
			func(raw int64) (ledger.ReservationReply, error) { return o.twin.Reservation(raw, birth, c, 0) })
	case 3:
		same(o, fmt.Sprintf("release %+v", c),
			func() (ledger.ReservationReply, error) {
				return o.redis.Release(context.Background(), o.sale, birth, c)
			}, reply,
			func(raw int64) (ledger.ReservationReply, error) { return o.twin.Release(raw, birth, c) })
	case 4:
		by := time.Duration(rapid.IntRange(1, 20).Draw(o.t, "by_ms")) * time.Millisecond
		same(o, fmt.Sprintf("prolong %+v by %v", c, by),
			func() (ledger.ReservationReply, error) {
				return o.redis.Prolong(context.Background(), o.sale, birth, c, by)
			}, reply,
			func(raw int64) (ledger.ReservationReply, error) { return o.twin.Prolong(raw, birth, c, by) })
	}
}

// unit asks who has a serial, or what became of a reservation that had it.
func (o *oracle) unit() {
	serial, id := uint32(rapid.IntRange(1, 41).Draw(o.t, "serial")), ledger.Claim{}
	if len(o.claims) > 0 && rapid.Bool().Draw(o.t, "named") {
		c := rapid.SampledFrom(o.claims).Draw(o.t, "claim")
		serial, id = c.Serial+uint32(rapid.IntRange(0, int(c.Count)).Draw(o.t, "of it")), ledger.Claim{Fence: c.Fence, Nonce: c.Nonce}
	}
	birth := o.party().Birth
	same(o, fmt.Sprintf("unit %d of %+v", serial, id),
		func() (ledger.UnitReply, error) { return o.redis.Unit(context.Background(), o.sale, birth, serial, id) },
		func(r ledger.UnitReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.UnitReply, error) { return o.twin.Unit(raw, birth, serial, id) })
}

const farAway = 100_000 // milliseconds

// edit changes what a sale is, and when it is open. A refusal does not tell its time, so no time is drawn of which it matters
// whether it is over already.
func (o *oracle) edit() {
	var q ledger.EditRequest
	at := func(name string, ms ...int) *time.Time {
		drawn := rapid.SampledFrom(ms).Draw(o.t, name)
		if drawn == 0 {
			return nil
		}
		t := time.UnixMicro(o.twin.Last().Raw + int64(drawn)*1000)
		return &t
	}
	q.Opens, q.Closes = at("opens", 0, 0, -5, farAway), at("closes", 0, 0, -5, 8, farAway, 2*farAway)
	if ms := rapid.SampledFrom([]int{-1, -1, 0, 12, 15}).Draw(o.t, "hold_ms"); ms >= 0 {
		hold := time.Duration(ms) * time.Millisecond
		q.Hold = &hold
	}
	if limit := rapid.SampledFrom([]int{-1, -1, 0, 3}).Draw(o.t, "limit"); limit >= 0 {
		units := uint32(limit)
		q.Limit = &units
	}
	same(o, fmt.Sprintf("edit %+v", normal(q)),
		func() (ledger.Head, error) { return o.redis.Edit(context.Background(), o.sale, q) },
		func(h ledger.Head) ledger.Head { return h },
		func(raw int64) (ledger.Head, error) { return o.twin.Edit(raw, q) })
}

// mine asks for a buyer's own reservations.
func (o *oracle) mine() {
	birth, b := o.party().Birth, ledger.Buyer{3: byte(rapid.IntRange(0, 3).Draw(o.t, "buyer"))}
	same(o, fmt.Sprintf("mine %v", b),
		func() (ledger.MineReply, error) { return o.redis.Mine(context.Background(), o.sale, birth, b) },
		func(r ledger.MineReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.MineReply, error) { return o.twin.Mine(raw, birth, b) })
}

func (o *oracle) expire() {
	most := rapid.IntRange(1, 9).Draw(o.t, "most")
	same(o, fmt.Sprintf("expire %d", most),
		func() (ledger.ExpireReply, error) { return o.redis.Expire(context.Background(), o.sale, most) },
		func(r ledger.ExpireReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.ExpireReply, error) { return o.twin.Expire(raw, most) })
}

// tend names some earlier answer, perhaps one that others have followed.
func (o *oracle) tend() {
	q := ledger.TendRequest{Birth: o.party().Birth, Most: rapid.IntRange(1, 9).Draw(o.t, "most")}
	if len(o.tended) > 0 && rapid.IntRange(0, 5).Draw(o.t, "blind") > 0 {
		q.Witness = rapid.SampledFrom(o.tended[max(0, len(o.tended)-2):]).Draw(o.t, "witness").Seen(
			time.Duration(rapid.IntRange(0, 30).Draw(o.t, "ago")) * time.Millisecond)
		q.Rev += uint64(rapid.IntRange(0, 1).Draw(o.t, "later")) // a lie is told to both
	}
	got := same(o, fmt.Sprintf("tend %+v", q),
		func() (ledger.TendReply, error) { return o.redis.Tend(context.Background(), o.sale, q) },
		func(r ledger.TendReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.TendReply, error) { return o.twin.Tend(raw, q) })
	if got.Rev > 0 {
		o.tended = append(o.tended, got.Head)
	}
	marks, _, err := o.redis.Marks(context.Background(), []string{o.sale})
	if want := o.twin.Mark(); err != nil || marks[0] != want {
		o.t.Fatalf("mark %+v %v, the twin's is %+v", marks, err, want)
	}
}

// events compares the whole stream.
func (o *oracle) events() {
	entries, err := o.redis.client.Do(context.Background(), o.redis.client.B().Xrange().Key(ordersKey(o.sale)).Start("-").
		End("+").Build()).AsXRange()
	if err != nil {
		o.t.Fatal(err)
	}
	got := eventsOf(entries)
	if len(got) != len(o.twin.Events()) {
		o.t.Fatalf("%d events of redis, %d of the twin", len(got), len(o.twin.Events()))
	}
	for i, want := range o.twin.Events() {
		got[i].ID = want.ID
		if normal(got[i]) != normal(want) {
			o.t.Fatalf("event:\nredis %+v\ntwin  %+v", got[i], want)
		}
	}
}

func (o *oracle) change() {
	q := ledger.ChangeRequest{Request: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(o.t, "request"),
		Add: uint64(rapid.SampledFrom([]int{0, 3, ledger.MaxSerial}).Draw(o.t, "add")),
		To:  rapid.SampledFrom([]string{"", "", "", "", "open", "open", "open", "paused", "closed"}).Draw(o.t, "to")}
	same(o, fmt.Sprintf("change %+v", q),
		func() (ledger.Head, error) { return o.redis.Change(context.Background(), o.sale, q) },
		func(h ledger.Head) ledger.Head { return h },
		func(raw int64) (ledger.Head, error) { return o.twin.Change(raw, q) })
}

// era gives the server another history, as a restart or a fail-over does. What the server says of itself is true; what the
// ledger says of its writer is made up.
func (o *oracle) era() {
	o.redis.durability.synced.Store(rapid.Bool().Draw(o.t, "synced"))
	promoted := o.fed && rapid.Bool().Draw(o.t, "promoted")
	if promoted { // a replica of nobody, and its own master again
		o.command("REPLICAOF", "127.0.0.1", "1")
		o.command("REPLICAOF", "NO", "ONE")
	} else {
		o.command("DEBUG", "CHANGE-REPL-ID")
	}
	if rapid.Bool().Draw(o.t, "another process") {
		o.twin.Rewrite(1, 0)
		o.ledger("run", 1)
	}
	if promoted && rapid.Bool().Draw(o.t, "unheard") {
		o.twin.Rewrite(0, 1)
		o.ledger("era", 1)
	}
	o.node = nodeOf(o.t, o.redis)
	o.twin.On(o.node)
	o.expire() // a refusal tells no time
}

func (o *oracle) command(words ...string) {
	if err := o.redis.client.Do(bg, o.redis.client.B().Arbitrary(words...).Build()).Error(); err != nil {
		o.t.Fatal(words, err)
	}
}

// raw is the store's clock, as the ledger has it.
func (o *oracle) raw() int64 {
	n, err := o.redis.client.Do(bg, o.redis.client.B().Hget().Key(Keys(o.sale)[1]).Field("raw").Build()).AsInt64()
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

// ledger writes a field of the ledger, as if another server had written it.
func (o *oracle) ledger(field string, n int64) {
	set := o.redis.client.B().Hset().Key(Keys(o.sale)[1]).FieldValue().FieldValue(field, num(n)).FieldValue("packed", "").Build()
	if err := o.redis.client.Do(bg, set).Error(); err != nil {
		o.t.Fatal(err)
	}
}

// nodeOf is the server as scripts see it, up for long.
func nodeOf(t rapid.TB, r *Redis) memory.Node {
	info, err := r.client.Do(context.Background(), r.client.B().Info().Section("replication", "server", "stats").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) string {
		_, text, _ := strings.Cut(info, name+":")
		text, _, _ = strings.Cut(text, "\r")
		return text
	}
	f := followersIn(info)
	n := memory.Node{Era: eraOf(field("master_replid")), Run: eraOf(field("run_id")), Followed: eraOf(field("master_replid2")),
		Fed:      memory.NeverFed,
		Replicas: uint64(len(f.names)), Names: strings.Join(f.names, " "), Lineup: f.lineup,
		File: true, Fsynced: r.durability.synced.Load()}
	if field("total_net_repl_input_bytes") != "0" {
		n.Fed = memory.WasFed
	}
	return n
}

// held is what an instance might say that it holds: a lease that it has, parts of it, or one that nobody knows any more.
func (o *oracle) held(fence uint64) ledger.Held {
	h := ledger.Held{Fence: fence, Request: o.req, Deadline: o.twin.Last().Now + int64(rapid.IntRange(-9000, 30000).Draw(o.t,
		"deadline"))}
	at := uint32(rapid.IntRange(1, 6).Draw(o.t, "first"))
	for range rapid.IntRange(0, 4).Draw(o.t, "ranges") {
		end := at + uint32(rapid.IntRange(1, 12).Draw(o.t, "len"))
		h.Ranges = append(h.Ranges, shard.Range{Start: at, End: end})
		at = end + uint32(rapid.IntRange(0, 5).Draw(o.t, "gap"))
	}
	return h
}

func (o *oracle) reassert() {
	q := ledger.ReassertRequest{Party: o.party(), Era: o.twin.Last().Era, Term: time.Duration(rapid.IntRange(15, 20).Draw(o.t,
		"term")) * time.Millisecond}
	if known := append(o.twin.Past(), 5); rapid.Bool().Draw(o.t, "acted") {
		q.Was = rapid.SampledFrom(known).Draw(o.t, "was")
		q.LastApplied = o.twin.Last().Rev - min(o.twin.Last().Rev, uint64(rapid.IntRange(0, 9).Draw(o.t, "rev")))
	}
	if rapid.Bool().Draw(o.t, "told") {
		q.Told = o.twin.Last().Now + int64(rapid.IntRange(-5000, 20000).Draw(o.t, "ahead"))
	}
	if rapid.IntRange(0, 9).Draw(o.t, "other era") == 0 {
		q.Era++
	}
	for _, f := range o.fences[max(0, len(o.fences)-3):] {
		if rapid.Bool().Draw(o.t, "named") {
			q.Leases = append(q.Leases, o.held(f))
		}
	}
	for range rapid.IntRange(0, 2).Draw(o.t, "lost") {
		f := max(o.twin.Fence(), o.twin.Last().Birth) + uint64(rapid.IntRange(1, 50).Draw(o.t, "fence"))
		q.Leases = append(q.Leases, o.held(f))
		o.fences = append(o.fences, f)
		for _, r := range q.Leases[len(q.Leases)-1].Ranges {
			o.parts = append(o.parts, ledger.Part{Fence: f, Range: r})
		}
	}
	same(o, fmt.Sprintf("reassert %+v", q),
		func() (ledger.ReassertReply, error) { return o.redis.Reassert(context.Background(), o.sale, q) },
		func(r ledger.ReassertReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.ReassertReply, error) { return o.twin.Reassert(raw, q) })
}

func (o *oracle) reopen() {
	q := ledger.ReopenRequest{Grants: rapid.Bool().Draw(o.t, "grants"), Least: rapid.SampledFrom([]uint64{0, 0, 1}).Draw(o.t,
		"least"),
		Lineup: rapid.SampledFrom([]string{"", o.node.Lineup, o.node.Lineup, "10.0.0.1:6379#1"}).Draw(o.t, "lineup"),
		Era:    rapid.SampledFrom([]uint64{0, o.twin.Last().Era, 1}).Draw(o.t, "era")}
	same(o, fmt.Sprintf("reopen %+v", q), func() (ledger.Head, error) { return o.redis.Reopen(context.Background(), o.sale, q) },
		func(h ledger.Head) ledger.Head { return h }, func(raw int64) (ledger.Head, error) { return o.twin.Reopen(raw, q) })
}

// mend spoils the hash in one of the ways that hands do, and has it mended. Only the doors' news shows it.
func (o *oracle) mend() {
	hash := Keys(o.sale)[0]
	spoil := rapid.SampledFrom([][]string{{"PING"}, {"DEL", hash}, {"SET", hash, "x"}, {"HSET", hash, "ticket_sold_nums", "7777777"},
		{"HSET", hash, "ticket_total_nums", "0"}, {"HDEL", hash, "birth"}}).Draw(o.t, "spoil")
	if err := o.redis.client.Do(context.Background(), o.redis.client.B().Arbitrary(spoil...).Build()).Error(); err != nil {
		o.t.Fatal(err)
	}
	same(o, "mend", func() (ledger.Head, error) { return o.redis.Mend(context.Background(), o.sale) },
		func(h ledger.Head) ledger.Head { return h }, func(raw int64) (ledger.Head, error) { return o.twin.Mend(raw) })
}

func (o *oracle) show() {
	same(o, "show",
		func() (ledger.ShowReply, error) { return o.redis.Show(context.Background(), o.sale) },
		func(r ledger.ShowReply) ledger.Head { return r.Head },
		func(raw int64) (ledger.ShowReply, error) { return o.twin.Show(raw), nil })
}

func (o *oracle) holders() {
	same(o, "holders",
		func() (ledger.Holders, error) { return o.redis.Holders(context.Background(), o.sale) },
		func(r ledger.Holders) ledger.Head { return r.Head },
		func(raw int64) (ledger.Holders, error) { return o.twin.Holders(raw) })
}

func (o *oracle) audit() {
	got, err := o.redis.Audit(context.Background(), o.sale)
	want := o.twin.Audit(o.sale)
	if err != nil || !reflect.DeepEqual(got, want) || !got.OK {
		o.t.Fatalf("audit:\nredis %+v %v\ntwin  %+v", got, err, want)
	}
	held, err := o.redis.holdings(context.Background(), o.sale)
	if err != nil || normal(held.Free) != normal(o.twin.Free()) {
		o.t.Fatalf("free: redis %v %v, twin %v", held.Free, err, o.twin.Free())
	}
}

// TestScriptsAndTwinAgree proves G20, G34, G36.
func TestScriptsAndTwinAgree(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t, "--enable-debug-command", "local", "--appendonly", "yes", "--appendfsync", "no").Addr
	scriptsAndTwinAgree(t, dial(t, addr, quickBounds()))
}

// A server that was a replica once has its ledgers from its primary, or from an unknown origin.
func TestScriptsAndTwinAgreeOnAPromotedReplica(t *testing.T) {
	t.Parallel()
	host, port, _ := net.SplitHostPort(rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr)
	addr := rigtest.StartRedis(t, "--enable-debug-command", "local", "--appendonly", "yes", "--appendfsync", "no",
		"--replicaof", host+" "+port).Addr
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		redis := dial(t, addr, quickBounds())
		if nodeOf(t, redis).Fed == memory.WasFed {
			command("REPLICAOF", "NO", "ONE")(t, redis)
			scriptsAndTwinAgree(t, redis)
			return
		}
		if time.Now().After(end) {
			t.Fatal("it is not fed")
		}
	}
}

// With a replica, WAIT follows every script that widens a right, and an era that the replica had loses nothing.
func TestScriptsAndTwinAgreeWithReplica(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t, "--enable-debug-command", "local", "--repl-diskless-sync-delay", "0", "--appendonly", "yes",
		"--appendfsync", "no").Addr
	host, port, _ := net.SplitHostPort(addr)
	rigtest.StartRedis(t, "--replicaof", host+" "+port)
	redis := dial(t, addr, quickBounds())
	for end := time.Now().Add(10 * time.Second); nodeOf(t, redis).Replicas == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica does not come online")
		}
	}
	for acked := int64(0); acked == 0; { // it may be online, and busy
		acked, _ = redis.client.DoMulti(bg, redis.client.B().Set().Key("any").Value("1").Build(),
			redis.client.B().Wait().Numreplicas(1).Timeout(1000).Build())[1].AsInt64()
	}
	redis.look(context.Background())
	scriptsAndTwinAgree(t, redis)
}

func scriptsAndTwinAgree(t *testing.T, redis *Redis) {
	bounds := quickBounds()
	redis.stop() // it would look at the disk, and see that it is not as the test says
	n, fed := 0, nodeOf(t, redis).Fed == memory.WasFed
	rapid.Check(t, func(rt *rapid.T) {
		n++
		o := &oracle{t: rt, redis: redis, sale: fmt.Sprintf("s%d", n), owners: []string{"i1", "i2", "i3"}, fed: fed}
		q := ledger.CreateRequest{Total: uint64(rapid.IntRange(0, 40).Draw(rt, "total")),
			Hold:    time.Duration(rapid.SampledFrom([]int{0, 12}).Draw(rt, "hold_ms")) * time.Millisecond,
			Limit:   rapid.SampledFrom([]uint32{0, 0, 3}).Draw(rt, "limit"),
			Seed:    strings.Repeat("5e", 16),
			Shuffle: time.Duration(rapid.SampledFrom([]int{0, 0, 5, 25}).Draw(rt, "shuffle_ms")) * time.Millisecond}
		shuffled := func(f func()) func(*rapid.T) {
			return func(rt *rapid.T) {
				if q.Shuffle == 0 {
					rt.Skip()
				}
				f()
			}
		}
		if ms := rapid.SampledFrom([]int{0, 0, 0, 0, 0, farAway}).Draw(rt, "opens_ms"); ms > 0 {
			q.Opens = time.Now().Add(time.Duration(ms) * time.Millisecond)
		}
		h, err := redis.Create(context.Background(), o.sale, q)
		if err != nil {
			rt.Fatal(err)
		}
		o.node = nodeOf(rt, redis)
		o.twin = memory.NewTwinOn(o.node, h.Raw, q, bounds)
		o.twin.KeepEvents()
		defer func() { _ = redis.Remove(context.Background(), o.sale) }()
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { o.audit(); o.events() }, "resolve": func(*rapid.T) { o.resolve() },
			"resolve2": func(*rapid.T) { o.resolve() }, "expire": func(*rapid.T) { o.expire() },
			"tend": func(*rapid.T) { o.tend() }, "tend2": func(*rapid.T) { o.tend() }, "lease": func(*rapid.T) { o.lease() },
			"lease2": func(*rapid.T) { o.lease() }, "renew": func(*rapid.T) { o.renew() },
			"giveBack": func(*rapid.T) { o.giveBack() }, "settle": func(*rapid.T) { o.settle() },
			"settle2": func(*rapid.T) { o.settle() }, "deduct": func(*rapid.T) { o.deduct() },
			"deductEach": func(*rapid.T) { o.deductEach() }, "answers": func(*rapid.T) { o.answers() },
			"deductEach2": func(*rapid.T) { o.deductEach() },
			"era":         func(*rapid.T) { o.era() }, "reassert": func(*rapid.T) { o.reassert() },
			"reassert2": func(*rapid.T) { o.reassert() }, "reopen": func(*rapid.T) { o.reopen() },
			"unit": func(*rapid.T) { o.unit() }, "edit": func(*rapid.T) { o.edit() },
			"mend": func(*rapid.T) { o.mend() }, "mine": func(*rapid.T) { o.mine() },
			"enter": shuffled(o.enter), "enter2": shuffled(o.enter), "enter3": shuffled(o.enter), "collect": shuffled(o.collect),
			"collect2": shuffled(o.collect), "collect3": shuffled(o.collect), "draw": shuffled(o.draw),
			"change": func(*rapid.T) { o.change() }, "show": func(*rapid.T) { o.show() },
			"holders": func(*rapid.T) { o.holders() },
			"wait": func(rt *rapid.T) {
				time.Sleep(time.Duration(rapid.IntRange(0, 8).Draw(rt, "ms")) * time.Millisecond)
			},
		})
	})
}

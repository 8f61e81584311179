package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench"
)

// Door is an edge as the crowd knows it.
type Door struct{ Name, Buyers, Operators string }

// Crowd buys, pays, cancels and asks. It is bounded: each of its people does one thing at a time.
type Crowd struct {
	Options
	History *History

	serials []atomic.Bool // ever sold
	sold    atomic.Int64  // of them
	open    atomic.Int64  // wins whose fate is not known yet
	calm    atomic.Bool
	diary   diary
	ctx     context.Context
	stop    context.CancelFunc
	all     sync.WaitGroup
}

// Options are what a crowd is made of.
type Options struct {
	Sale    string
	Units   uint32
	Doors   []Door
	Buyers  int
	Payers  int
	Pause   time.Duration // of a buyer after an answer; after a "no" it is longer
	Timeout time.Duration // of a buyer for one exchange
	Seed    uint64
}

// What winners do, of a hundred; the others pay. Once calm, all pay at once.
const (
	cancels  = 7
	abandons = 5
	looks    = 10 // and pay then
	delays   = 25 // and pay at any time before the hold is over
)

const (
	disappointed = 10 * time.Millisecond  // a buyer's pause after a "no"
	breathless   = 100 * time.Millisecond // the most that a buyer waits because payers are behind
	unheard      = 100 * time.Millisecond // and a payer's after no word
	nothingDue   = 5 * time.Millisecond   // a payer looks again after this
	tooLate      = 500 * time.Millisecond // nobody pays so late
	hopeless     = 10                     // of so many whose hold is over, one tries all the same
	loyalty      = 100                    // requests to another edge, before a buyer comes back to its own
	payTimeout   = 2 * time.Second        // longer than an edge waits for Redis
	shunned      = 3 * time.Second        // a payer keeps away from an edge that did not answer
)

// Gather sends the crowd in. End must be called.
func Gather(ctx context.Context, o Options) *Crowd {
	ctx, stop := context.WithCancel(ctx)
	c := &Crowd{Options: o, History: NewHistory(), serials: make([]atomic.Bool, o.Units+1), ctx: ctx, stop: stop}
	for i := range o.Buyers {
		c.person(i, o.Timeout).stay(c.buy)
	}
	for i := range o.Payers {
		c.person(o.Buyers+i, payTimeout).stay(c.pay)
	}
	return c
}

// Throng sends so many more to one door, who buy once and wait for the answer.
func (c *Crowd) Throng(door, n int) {
	for i := range n {
		p := c.person(c.Buyers+c.Payers+i, c.Timeout)
		p.at, p.stays = door, 2
		p.visit(func() { c.buy(p) })
	}
}

// End sends everybody home. What is under way then is never answered.
func (c *Crowd) End() {
	c.stop()
	c.all.Wait()
}

// Calm lets every later winner pay at once, so that the sale comes to an end.
func (c *Crowd) Calm() { c.calm.Store(true) }

// Sold is how many units were ever sold, of all.
func (c *Crowd) Sold() float64 { return float64(c.sold.Load()) / float64(c.Units) }

// Idle says that every winner who wanted something has been answered.
func (c *Crowd) Idle() bool { return c.open.Load() == 0 }

// person is one of the crowd, with a line to each listener it talks to.
type person struct {
	crowd *Crowd
	id    int
	ctx   context.Context
	rnd   *rand.Rand
	lines map[string]*line
	at    int                      // the door it stands before
	stays int                      // requests before it goes back to its own
	shuns map[string]time.Duration // doors that did not answer a payer, and until when they are not tried
}

func (c *Crowd) person(id int, timeout time.Duration) *person {
	p := &person{crowd: c, id: id, ctx: c.ctx, rnd: rand.New(rand.NewPCG(c.Seed, uint64(id))), lines: map[string]*line{},
		at: id % len(c.Doors), shuns: map[string]time.Duration{}}
	for _, d := range c.Doors {
		p.lines[d.Buyers] = newLine(d.Buyers, timeout)
		p.lines[d.Operators] = newLine(d.Operators, timeout)
	}
	return p
}

// stay does one thing after the other until the crowd goes home.
func (p *person) stay(do func(*person)) {
	p.visit(func() {
		for p.ctx.Err() == nil {
			do(p)
		}
	})
}

// visit does something in a goroutine, and hangs up then, or when the crowd goes home.
func (p *person) visit(do func()) {
	hangUp := func() {
		for _, l := range p.lines {
			l.hangUp()
		}
	}
	early := context.AfterFunc(p.ctx, hangUp)
	p.crowd.all.Go(func() {
		defer early()
		defer hangUp()
		do()
	})
}

// door is where the person goes next: its own edge, or another for a while, when its own did not answer.
func (p *person) door() Door {
	if p.stays--; p.stays < 0 {
		p.at = p.id % len(p.crowd.Doors)
	}
	return p.crowd.Doors[p.at]
}

func (p *person) goElsewhere() {
	p.at, p.stays = (p.at+1)%len(p.crowd.Doors), loyalty
}

// buy is one buy.
func (c *Crowd) buy(p *person) {
	door := p.door()
	op := Op{Kind: Buy, Client: p.id, Edge: door.Name, Start: c.History.Now(), End: Forever}
	r, sent, err := p.lines[door.Buyers].ask("POST", "/buy/"+c.Sale)
	if !sent || err != nil {
		if sent {
			c.History.Add(op)
		}
		p.goElsewhere()
		bench.Sleep(p.ctx, disappointed)
		return
	}
	was := bought(r)
	op.Word, op.Serial, op.Token, op.Said, op.End = was.word, was.serial, was.token, was.said, c.History.Now()
	if was.word != Won {
		c.History.Add(op)
		bench.Sleep(p.ctx, max(c.breath(), disappointed))
		return
	}
	op.Until = c.History.At(was.until)
	c.History.Add(op)
	c.won(p, op)
	bench.Sleep(p.ctx, c.breath())
}

// breath is a buyer's pause. Where payments take longer than sales, sales slow down: else holds run out unpaid, and the
// sale goes in circles.
func (c *Crowd) breath() time.Duration {
	return c.Pause + min(c.diary.lag(c.History.Now())/10, breathless)
}

// won counts a win and decides what its buyer does about it.
func (c *Crowd) won(p *person, win Op) {
	if win.Serial <= c.Units && !c.serials[win.Serial].Swap(true) {
		c.sold.Add(1)
	}
	e := errand{kind: Confirm, win: win, due: win.End}
	switch what := p.rnd.IntN(100); {
	case c.calm.Load():
	case what < cancels:
		e.kind = Cancel
	case what < cancels+abandons:
		return
	case what < cancels+abandons+looks:
		e.kind = Look
	case what < cancels+abandons+looks+delays:
		e.due += time.Duration(p.rnd.Float64() * float64(win.Until-win.End-tooLate))
	}
	c.open.Add(1)
	c.diary.put(e)
}

// pay runs one errand. It goes to any edge, rather not to the one that sold; one without a word is run again.
func (c *Crowd) pay(p *person) {
	e, ok := c.diary.next(c.History.Now())
	if !ok {
		bench.Sleep(p.ctx, nothingDue)
		return
	}
	if !e.tried && c.History.Now() > e.win.Until+time.Second && p.rnd.IntN(hopeless) > 0 {
		c.open.Add(-1)
		return
	}
	word, sent := p.show(p.other(e.win.Edge), e)
	switch {
	case !sent || word == Unknown:
		e.tried = e.tried || sent
		e.due = c.History.Now() + unheard
	case e.kind == Look && word == Pending:
		e.kind = Confirm
	default:
		c.open.Add(-1)
		return
	}
	c.diary.put(e)
}

// other is any edge that answers, rather not the one that is named.
func (p *person) other(than string) (door Door) {
	for range 8 {
		door = p.crowd.Doors[p.rnd.IntN(len(p.crowd.Doors))]
		if door.Name != than && p.crowd.History.Now() >= p.shuns[door.Name] {
			break
		}
	}
	return door
}

// show shows a winner's token at a door.
func (p *person) show(door Door, e errand) (word Word, sent bool) {
	method, listener, path := "POST", door.Buyers, "/v1/reservations/"+e.win.Token
	switch e.kind {
	case Confirm:
		listener, path = door.Operators, "/api"+path+"/confirm"
	case Cancel:
		path += "/cancel"
	default:
		method = "GET"
	}
	h := p.crowd.History
	op := Op{Kind: e.kind, Client: p.id, Edge: door.Name, Serial: e.win.Serial, Token: e.win.Token, Start: h.Now(), End: Forever}
	r, sent, err := p.lines[listener].ask(method, path)
	if !sent || err != nil {
		p.shuns[door.Name] = h.Now() + shunned
	}
	if !sent {
		return Unknown, false
	}
	if err == nil {
		was := shown(r)
		op.Word, op.Said = was.word, was.said
	}
	if op.Word != Unknown {
		op.End = h.Now()
	}
	h.Add(op)
	return op.Word, true
}

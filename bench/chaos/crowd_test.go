package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// Endpoint is an edge as the crowd knows it.
type Endpoint struct{ Name, Buyers, Operators string }

// Crowd buys, pays, cancels and looks. It is bounded: each of its people does one thing at a time.
type Crowd struct {
	Options
	History *History

	serials []atomic.Bool // sold at least once
	sold    atomic.Int64  // how many of them
	open    atomic.Int64  // wins whose winner is not done yet
	calm    atomic.Bool
	actions actions
	ctx     context.Context
	stop    context.CancelFunc
	all     sync.WaitGroup
}

// Options describe a crowd.
type Options struct {
	Sale      string
	Units     uint32
	Endpoints []Endpoint
	Buyers    int
	Payers    int
	Pause     time.Duration // of a buyer after an answer; longer after a "no"
	Timeout   time.Duration // of a buyer for one exchange
	Seed      uint64
	Limit     int // units per buyer; 0: nobody is known. Otherwise buyers are known, and send keys
}

// Shares of winners, of a hundred. The others pay. Once the crowd is calm, all pay at once.
const (
	cancels  = 7
	abandons = 5
	looks    = 10 // and pay then
	delays   = 25 // and pay at any time before the hold is over
)

const (
	pauseAfterNo = 10 * time.Millisecond  // a buyer's pause after a "no"
	mostBackoff  = 100 * time.Millisecond // the most that a buyer waits because payers are behind
	payRetry     = 100 * time.Millisecond // a payer's pause after no answer
	payIdle      = 5 * time.Millisecond   // a payer's pause while nothing is due
	payBefore    = 500 * time.Millisecond // before the end of the hold; nobody pays later
	lateShare    = 10                     // of so many winners whose hold is over, one tries all the same
	visitLength  = 100                    // requests to another edge before a buyer comes back to its own
	payTimeout   = 2 * time.Second        // longer than an edge waits for Redis
	avoidFor     = 3 * time.Second        // how long a payer avoids an edge that did not answer
)

// Gather starts the crowd. End must be called.
func Gather(ctx context.Context, o Options) *Crowd {
	ctx, stop := context.WithCancel(ctx)
	c := &Crowd{Options: o, History: NewHistory(), serials: make([]atomic.Bool, o.Units+1), ctx: ctx, stop: stop}
	for i := range o.Buyers {
		p := c.person(i, o.Timeout)
		if o.Limit > 0 {
			p.stay((&shopper{person: p}).buy)
			continue
		}
		p.stay(c.buy)
	}
	for i := range o.Payers {
		c.person(o.Buyers+i, payTimeout).stay(c.pay)
	}
	return c
}

// Throng starts so many more buyers at one edge. Each buys once and waits for the answer.
func (c *Crowd) Throng(to, n int) {
	for i := range n {
		p := c.person(c.Buyers+c.Payers+i, c.Timeout)
		p.at, p.stays = to, 2
		p.visit(func() { c.buy(p) })
	}
}

// End stops everybody. Exchanges on the way are never answered.
func (c *Crowd) End() {
	c.stop()
	c.all.Wait()
}

// Calm makes every later winner pay at once, so that the sale comes to an end.
func (c *Crowd) Calm() { c.calm.Store(true) }

// Sold is the share of the units that were ever sold.
func (c *Crowd) Sold() float64 { return float64(c.sold.Load()) / float64(c.Units) }

// Idle says whether every winner is done.
func (c *Crowd) Idle() bool { return c.open.Load() == 0 }

// person is a client of the crowd, with a connection to each listener.
type person struct {
	crowd  *Crowd
	id     int
	ctx    context.Context
	rnd    *rand.Rand
	conns  map[string]*crowd.Conn
	at     int                      // the endpoint that it talks to
	stays  int                      // requests before it goes back to its own
	avoids map[string]time.Duration // endpoints that did not answer a payer, and until when it avoids them
}

func (c *Crowd) person(id int, timeout time.Duration) *person {
	p := &person{crowd: c, id: id, ctx: c.ctx, rnd: rand.New(rand.NewPCG(c.Seed, uint64(id))), conns: map[string]*crowd.Conn{},
		at: id % len(c.Endpoints), avoids: map[string]time.Duration{}}
	for _, d := range c.Endpoints {
		p.conns[d.Buyers] = crowd.NewConn(c.ctx, d.Buyers, timeout, nil)
		p.conns[d.Operators] = crowd.NewConn(c.ctx, d.Operators, timeout, nil)
	}
	return p
}

// stay does one thing after another until the crowd ends.
func (p *person) stay(do func(*person)) {
	p.visit(func() {
		for p.ctx.Err() == nil {
			do(p)
		}
	})
}

// visit does something in a goroutine. It hangs up afterwards, or when the crowd ends.
func (p *person) visit(do func()) {
	p.crowd.all.Go(func() {
		defer func() {
			for _, c := range p.conns {
				c.Close()
			}
		}()
		do()
	})
}

// endpoint returns the next one to talk to: the person's own, or another for a while if its own did not answer.
func (p *person) endpoint() Endpoint {
	if p.stays--; p.stays < 0 {
		p.at = p.id % len(p.crowd.Endpoints)
	}
	return p.crowd.Endpoints[p.at]
}

func (p *person) goElsewhere() {
	p.at, p.stays = (p.at+1)%len(p.crowd.Endpoints), visitLength
}

// buy buys once.
func (c *Crowd) buy(p *person) {
	to := p.endpoint()
	op := Op{Kind: Buy, Client: p.id, Edge: to.Name, Start: c.History.Now(), End: Forever}
	a, err := p.conns[to.Buyers].Ask("POST", "/buy/"+c.Sale)
	if err != nil {
		if !errors.Is(err, crowd.ErrUnsent) {
			c.History.Add(op)
		}
		p.goElsewhere()
		bench.Sleep(p.ctx, pauseAfterNo)
		return
	}
	word, told := bought(a)
	op.Word, op.Serial, op.Token, op.Said, op.End = word, uint32(told.Serial), told.Token, said(word, a), c.History.Now()
	if word != Won {
		c.History.Add(op)
		bench.Sleep(p.ctx, max(c.backoff(), pauseAfterNo))
		return
	}
	op.Until = c.History.At(told.ExpiresAt)
	c.History.Add(op)
	c.won(p, op)
	bench.Sleep(p.ctx, c.backoff())
}

// backoff is a buyer's pause. If payments take longer than sales, it slows sales down. Else holds would run out unpaid, and
// the sale would not end.
func (c *Crowd) backoff() time.Duration {
	return c.Pause + min(c.actions.lag(c.History.Now())/10, mostBackoff)
}

// won counts a win and plans its buyer's next request.
func (c *Crowd) won(p *person, win Op) {
	if win.Serial <= c.Units && !c.serials[win.Serial].Swap(true) {
		c.sold.Add(1)
	}
	e := action{kind: Confirm, win: win, due: win.End}
	switch what := p.rnd.IntN(100); {
	case c.calm.Load():
	case what < cancels:
		e.kind = Cancel
	case what < cancels+abandons:
		return
	case what < cancels+abandons+looks:
		e.kind = Look
	case what < cancels+abandons+looks+delays:
		e.due += time.Duration(p.rnd.Float64() * float64(win.Until-win.End-payBefore))
	}
	c.open.Add(1)
	c.actions.put(e)
}

// pay does one action, preferably at another edge than the seller. An action without an answer is done again.
func (c *Crowd) pay(p *person) {
	e, ok := c.actions.next(c.History.Now())
	if !ok {
		bench.Sleep(p.ctx, payIdle)
		return
	}
	if !e.tried && c.History.Now() > e.win.Until+time.Second && p.rnd.IntN(lateShare) > 0 {
		c.open.Add(-1)
		return
	}
	word, sent := p.show(p.other(e.win.Edge), e)
	switch {
	case !sent || word == Unknown:
		e.tried = e.tried || sent
		e.due = c.History.Now() + payRetry
	case e.kind == Look && word == Pending:
		e.kind = Confirm
	default:
		c.open.Add(-1)
		return
	}
	c.actions.put(e)
}

// other returns any edge that answers, preferably not the named one.
func (p *person) other(than string) (to Endpoint) {
	for range 8 {
		to = p.crowd.Endpoints[p.rnd.IntN(len(p.crowd.Endpoints))]
		if to.Name != than && p.crowd.History.Now() >= p.avoids[to.Name] {
			break
		}
	}
	return to
}

// show shows a winner's token at an edge.
func (p *person) show(to Endpoint, e action) (word Word, sent bool) {
	method, listener, path := "POST", to.Buyers, "/v1/reservations/"+e.win.Token
	switch e.kind {
	case Confirm:
		listener, path = to.Operators, "/api"+path+"/confirm"
	case Cancel:
		path += "/cancel"
	default:
		method = "GET"
	}
	h := p.crowd.History
	op := Op{Kind: e.kind, Client: p.id, Edge: to.Name, Serial: e.win.Serial, Token: e.win.Token, Start: h.Now(), End: Forever}
	a, err := p.conns[listener].Ask(method, path)
	if err != nil {
		p.avoids[to.Name] = h.Now() + avoidFor
	}
	if errors.Is(err, crowd.ErrUnsent) {
		return Unknown, false
	}
	if err == nil {
		op.Word = shown(a)
		op.Said = said(op.Word, a)
	}
	if op.Word != Unknown {
		op.End = h.Now()
	}
	h.Add(op)
	return op.Word, true
}

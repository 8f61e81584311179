package demo

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/check"
	"spike/bench/load"
)

// crowd is the requests, and what is known of them while they run.
type crowd struct {
	o      Options
	stage  *stage
	wins   check.Wins
	begin  time.Time
	answer atomic.Int64 // answers so far
	want   int64        // wins there must be
	last   chan struct{}
	lastAt time.Duration // from begin to the last win; read after last

	selling scripts // when the hash showed the last unit as sold
	all     scripts // at the end
}

// scripts is how many scripts Redis had run when so many answers had been given.
type scripts struct{ n, answers int64 }

func newCrowd(o Options, s *stage) *crowd {
	return &crowd{o: o, stage: s, want: min(o.Units, o.Requests), last: make(chan struct{})}
}

// run sends every request, each with a buyer of its own. It counts Redis' scripts at the last sale and at the end.
func (c *crowd) run(ctx context.Context) (load.Result, error) {
	watch, stop := context.WithCancel(ctx)
	seen := make(chan struct{})
	go func() { defer close(seen); c.watchLast(watch) }()
	c.begin = time.Now()
	r, err := load.Run(ctx, load.Options{URLs: []string{"http://" + c.stage.front + "/buy/" + sale},
		Connections: c.o.Connections, Requests: c.o.Requests, Timeout: 10 * time.Second,
		Header: buyer, OnAnswer: c.note, OnProgress: c.progress(), ProgressEvery: c.o.ProgressEvery})
	if c.wins.Count() < c.want {
		stop() // there will be no last win
	}
	<-seen
	stop()
	if err == nil {
		c.all, err = c.scripts(ctx)
	}
	return r, err
}

// buyer gives request n a buyer of its own.
func buyer(n int64, h *fasthttp.RequestHeader) {
	var room [24]byte
	h.SetBytesV("X-Buyer-Id", strconv.AppendInt(append(room[:0], 'b'), n, 10))
}

func (c *crowd) note(_ string, status int, body []byte) {
	c.answer.Add(1)
	if c.wins.Note(status, body) == c.want {
		c.lastAt = time.Since(c.begin)
		close(c.last)
	}
}

// settleLimit is how long the hash may take to show all sold units.
const settleLimit = 5 * time.Second

// watchLast counts the scripts once the last sale has reached Redis.
func (c *crowd) watchLast(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-c.last:
	}
	for deadline := time.Now().Add(settleLimit); ; time.Sleep(10 * time.Millisecond) {
		sold, err := c.stage.redis.Sold(ctx, sale)
		if err == nil && sold >= c.want {
			c.selling, _ = c.scripts(ctx) // without it the report has one figure less
			return
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return // the findings say that the hash is wrong
		}
	}
}

func (c *crowd) scripts(ctx context.Context) (scripts, error) {
	n, err := c.stage.redis.Scripts(ctx)
	return scripts{n, c.answer.Load()}, err
}

// progress adds to the load's progress how many units are sold, and the present rate.
func (c *crowd) progress() func(load.Progress) {
	if c.o.OnProgress == nil {
		return nil
	}
	var before load.Progress
	var rate float64
	return func(p load.Progress) {
		if passed := p.Elapsed - before.Elapsed; passed > 100*time.Millisecond {
			rate = float64(p.Done-before.Done) / passed.Seconds()
			before = p
		}
		c.o.OnProgress(Progress{Done: p.Done, Requests: p.Requests, Sold: c.wins.Count(), PerSecond: rate})
	}
}

package demo

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench/crowd"
)

// rush is the requests, and what is known of them while they run.
type rush struct {
	o        Options
	stage    *stage
	wins     crowd.Wins
	begin    time.Time
	answer   atomic.Int64 // answers so far
	want     int64        // wins there must be
	watching sync.WaitGroup
	lastAt   time.Duration // from begin to the last win; 0: there was none

	selling scripts // when the hash showed the last unit as sold
	all     scripts // at the end
}

// scripts is how many scripts Redis had run when so many answers had been given.
type scripts struct{ n, answers int64 }

// run sends every request, each with a buyer of its own. It counts Redis' scripts at the last sale and at the end.
func (c *rush) run(ctx context.Context) (crowd.Result, error) {
	c.begin = time.Now()
	r, err := crowd.Run(ctx, crowd.Options{URLs: []string{"http://" + c.stage.front + "/buy/" + sale},
		Connections: c.o.Connections, Requests: c.o.Requests, Timeout: 10 * time.Second, Dress: crowd.Named,
		Heard: func(a crowd.Answer) { c.note(ctx, a) }, OnProgress: c.progress(), ProgressEvery: c.o.ProgressEvery})
	c.watching.Wait()
	if err == nil {
		c.all, err = c.scripts(ctx)
	}
	return r, err
}

func (c *rush) note(ctx context.Context, a crowd.Answer) {
	c.answer.Add(1)
	if word, nth := c.wins.Note(a); word == crowd.Won && int64(nth) == c.want {
		c.lastAt = time.Since(c.begin)
		c.watching.Go(func() { c.watchLast(ctx) })
	}
}

// watchLast counts the scripts once the last sale has reached Redis. If it does not, the findings say that the hash is wrong.
func (c *rush) watchLast(ctx context.Context) {
	const settleLimit = 5 * time.Second
	for begin := time.Now(); ctx.Err() == nil && time.Since(begin) < settleLimit; time.Sleep(10 * time.Millisecond) {
		if sold, err := c.stage.site.Redis.Sold(ctx, sale); err == nil && sold >= c.want {
			c.selling, _ = c.scripts(ctx) // without it the report has one figure less
			return
		}
	}
}

func (c *rush) scripts(ctx context.Context) (scripts, error) {
	n, err := c.stage.site.Redis.Scripts(ctx)
	return scripts{n, c.answer.Load()}, err
}

// progress adds to the load's progress how many units are sold, and the present rate.
func (c *rush) progress() func(crowd.Progress) {
	if c.o.OnProgress == nil {
		return nil
	}
	var before crowd.Progress
	var rate float64
	return func(p crowd.Progress) {
		if passed := p.Elapsed - before.Elapsed; passed > 100*time.Millisecond {
			rate = float64(p.Done-before.Done) / passed.Seconds()
			before = p
		}
		c.o.OnProgress(Progress{Done: p.Done, Requests: p.Requests, Sold: int64(c.wins.Count(crowd.Won)), PerSecond: rate})
	}
}

package sim

import (
	"context"
	"sync"
)

// pool is workers that run worlds. Each world has a channel for its result, and these channels are queued in the order of the
// seeds.
type pool struct {
	o     Options
	ctx   context.Context
	stop  context.CancelFunc
	todo  chan order
	queue chan order
	all   sync.WaitGroup
}

type order struct {
	seed uint64
	done chan World // of capacity 1
}

func newPool(ctx context.Context, o Options) *pool {
	workers := max(1, o.Workers)
	p := &pool{o: o, todo: make(chan order), queue: make(chan order, 4*workers)}
	p.ctx, p.stop = context.WithCancel(ctx)
	p.all.Go(p.plan)
	for range workers {
		p.all.Go(p.work)
	}
	return p
}

// plan ends with its context, or when all worlds are planned. Then the workers end.
func (p *pool) plan() {
	defer close(p.todo)
	defer close(p.queue)
	for seed := p.o.First; seed-p.o.First < p.o.Seeds; seed++ {
		next := order{seed, make(chan World, 1)}
		for _, to := range [...]chan order{p.queue, p.todo} {
			select {
			case to <- next:
			case <-p.ctx.Done():
				return
			}
		}
	}
}

func (p *pool) work() {
	for next := range p.todo {
		next.done <- Live(next.seed, p.o)
	}
}

// each passes the worlds to take one by one, until there are no more or take returns false. Then no worker runs any more.
func (p *pool) each(take func(World) (more bool)) error {
	defer p.all.Wait()
	defer p.stop()
	for next := range p.queue {
		select {
		case w := <-next.done:
			if !take(w) {
				return nil
			}
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
	return p.ctx.Err()
}

package measure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Host is what an experiment is run on.
type Host struct {
	Program string                           // spike, from which servers are started
	Dir     string                           // a folder for them, which every user may enter
	OnStep  func(done, all int, what string) // hears how far the run is; nil: nobody does
}

// Part is a part of an experiment, in which every buyer hears the same. Its subjects run at once, and are loaded in turns.
type Part struct {
	Name     string
	Subjects []string
}

// Turn is one load of one subject.
type Turn struct {
	Part    string `json:"part,omitempty"`
	Subject string `json:"subject"`
	Round   int    `json:"round"` // from 1
}

// String is for people.
func (t Turn) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s, round %d", t.Part, t.Subject, t.Round))
}

// Turns returns the order in which a round loads n subjects. Rounds count from 1.
type Turns func(n, round int) []int

// ThereAndBack is 0 1 2 2 1 0, in each round.
func ThereAndBack(n, _ int) []int { return append(Alternate(n, 1), Alternate(n, 2)...) }

// Alternate is 0 1 2, and 2 1 0 in every second round. So no subject always comes first.
func Alternate(n, round int) (order []int) {
	for i := range n {
		order = append(order, i)
	}
	if round%2 == 0 {
		slices.Reverse(order)
	}
	return order
}

// Experiment loads subjects in turns.
type Experiment[S any] struct {
	Parts  []Part // one after the other
	Rounds int
	Turns  Turns
	Open   func(ctx context.Context, part, subject string) (S, error) // starts a subject, and warms it by a load that is not kept
	Load   func(ctx context.Context, s S, t Turn) (Sample, error)     // the sample gets its turn from Run
	Close  func(s S)                                                  // nil: there is nothing to close
}

// Run returns the samples of all turns. Its error ends the run: it is the first of Open and Load, or ctx's.
func (e Experiment[S]) Run(ctx context.Context, h Host) (all Samples, err error) {
	turns := 0
	for _, p := range e.Parts {
		turns += len(e.turns(p))
	}
	for _, p := range e.Parts {
		if all, err = e.runPart(ctx, h, p, all, turns); err != nil {
			return all, err
		}
	}
	return all, nil
}

// turns of a part.
func (e Experiment[S]) turns(p Part) (all []Turn) {
	for round := 1; round <= e.Rounds; round++ {
		for _, i := range e.Turns(len(p.Subjects), round) {
			all = append(all, Turn{p.Name, p.Subjects[i], round})
		}
	}
	return all
}

// runPart appends the samples of a part, which are some of all turns.
func (e Experiment[S]) runPart(ctx context.Context, h Host, p Part, all Samples, turns int) (Samples, error) {
	open := map[string]S{}
	defer e.closeAll(open)
	for _, subject := range p.Subjects {
		s, err := e.Open(ctx, p.Name, subject)
		if err != nil {
			return all, fmt.Errorf("%s: %w", strings.TrimSpace(p.Name+" "+subject), err)
		}
		open[subject] = s
	}
	for _, t := range e.turns(p) {
		if h.OnStep != nil {
			h.OnStep(len(all), turns, t.String())
		}
		s, err := e.Load(ctx, open[t.Subject], t)
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return all, fmt.Errorf("%v: %w", t, err)
		}
		s.Turn = t
		all = append(all, s)
	}
	return all, nil
}

// closeAll closes subjects at once: an edge takes some seconds to end.
func (e Experiment[S]) closeAll(open map[string]S) {
	var closing sync.WaitGroup
	for _, s := range open {
		if e.Close != nil {
			closing.Go(func() { e.Close(s) })
		}
	}
	closing.Wait()
}

// Package measure compares subjects: an [Experiment] loads them in turns, round after round, and keeps what was read of each
// turn.
//
// Noise on a shared machine is one-sided and drifts, so means and standard deviations mislead. A result is a median with its
// smallest and its largest value beside it ([Spread]). Two subjects are compared within a round ([Samples.Ratio]), in which
// the turns go there and back: a drift that is linear over the round adds the same to both, and favours neither. A target is
// printed beside the measured value ([Target]), and never asserted.
package measure

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"spike/bench"
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
	defer func() { // all at once: an edge takes some seconds to end
		var closing sync.WaitGroup
		for _, s := range open {
			if e.Close != nil {
				closing.Go(func() { e.Close(s) })
			}
		}
		closing.Wait()
	}()
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

// Check checks the options of an experiment, a struct, against the tags of its fields: range:"1..100" for a number, or for each
// number of a list, range:"1s..10m" for a duration, and step:"1s" if it must be whole seconds. Its error wraps [bench.ErrUsage].
func Check(options any) error {
	v := reflect.ValueOf(options)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		low, high, ranged := strings.Cut(field.Tag.Get("range"), "..")
		if !ranged {
			continue
		}
		one := v.Field(i)
		if one.Kind() != reflect.Slice {
			one = reflect.Append(reflect.MakeSlice(reflect.SliceOf(one.Type()), 0, 1), one)
		}
		for j := range one.Len() {
			if n := one.Index(j); n.Int() < bound(low) || n.Int() > bound(high) {
				return fmt.Errorf("%w: %s %v is not within %s..%s", bench.ErrUsage, flag(field.Name), n.Interface(), low, high)
			} else if step := field.Tag.Get("step"); step != "" && n.Int()%bound(step) != 0 {
				return fmt.Errorf("%w: %s %v is no multiple of %s", bench.ErrUsage, flag(field.Name), n.Interface(), step)
			}
		}
	}
	return nil
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// flag is the flag of a field.
func flag(field string) string { return "--" + strings.ToLower(hump.ReplaceAllString(field, "$1-$2")) }

// bound reads a number or a duration.
func bound(text string) int64 {
	if d, err := time.ParseDuration(text); err == nil {
		return int64(d)
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// Known checks names that were asked for. Its error wraps [bench.ErrUsage] and names the first that does not exist; kind says
// what they are.
func Known(kind string, asked, all []string) error {
	for _, name := range asked {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%w: there is no %s %q: %q", bench.ErrUsage, kind, name, all)
		}
	}
	return nil
}

// Choose returns those of all that were asked for, in the order of all; all of them if none was.
func Choose(asked, all []string) []string {
	some := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !slices.Contains(asked, name) })
	if len(some) == 0 {
		return all
	}
	return some
}

package operators

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// WrongTokens makes callers with a wrong token wait when there are many, so that tokens cannot be guessed fast. Each way to show
// a token must ask it. The right token never waits. Safe for concurrent use.
type WrongTokens struct{ pace *rate.Limiter }

// Limits of wrong tokens. An edge's operators' side has 64 connections for strangers.
const (
	WrongPerSecond = 10
	WrongAtOnce    = 300
	wrongWaits     = 2 * time.Second // at the most
)

// NewWrongTokens is of one operators' side.
func NewWrongTokens() *WrongTokens { return &WrongTokens{rate.NewLimiter(WrongPerSecond, WrongAtOnce)} }

// Wait waits before a wrong token is refused: not at all, or up to 2 s, or until ctx ends.
func (w *WrongTokens) Wait(ctx context.Context) {
	d := w.pace.Reserve()
	if d.Delay() > wrongWaits {
		defer d.Cancel()
	}
	select {
	case <-time.After(min(d.Delay(), wrongWaits)):
	case <-ctx.Done():
	}
}

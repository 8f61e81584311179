package gate

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/nginx"
)

// The part that is not ready is named. The log names it once, and says once that it is over.
func TestUnreadyNamesThePart(t *testing.T) {
	for name, c := range map[string]struct {
		begin, end func(w *world)
		says       string
	}{
		"the store takes nothing": {func(w *world) { w.set(func() { w.err = ledger.ErrDown }) },
			func(w *world) { w.set(func() { w.err = nil }) }, "store: "},
		"no news": {func(w *world) { w.hears.End() }, func(w *world) { w.hears.Begin() },
			"news: they are not listened to"},
		"no right to news": {func(w *world) { w.hears.End(); w.hears.Fails(errors.New("NOPERM")) },
			func(w *world) { w.hears.Begin() },
			"news: they cannot be listened to: NOPERM"},
		"news again, and no answer yet": {func(w *world) {
			w.hears.End()
			w.set(func() { w.post = make(chan struct{}) })
			w.hears.Begin()
		}, func(w *world) { close(w.post); w.set(func() { w.post = nil }) }, "sales: 1 of 1"},
		"no answer for one sale": {func(w *world) { w.set(func() { w.odd = "s" }); w.push() },
			func(w *world) { w.set(func() { w.odd = "" }) }, "for sale s"},
		"the directory is a file": {func(w *world) {
			if err := errors.Join(os.RemoveAll(w.dir), os.WriteFile(w.dir, nil, 0o600)); err != nil {
				w.t.Fatal(err)
			}
		}, func(w *world) { _ = os.Remove(w.dir) }, "gate_dir: "},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, sold, func(w *world) {
				ready := func(says string, lines int) {
					t.Helper()
					w.pass(2 * time.Second)
					if why := w.gate.Unready(bg); (why == "") != (says == "") || !strings.Contains(why, says) {
						t.Errorf("%q, want %q", why, says)
					}
					if log := w.log.String(); strings.Count(log, "trouble") != lines {
						t.Errorf("want %d lines of trouble:\n%s", lines, log)
					}
				}
				ready("", 0)
				c.begin(w)
				ready(c.says, 1)
				c.end(w)
				w.pass(retryMost)
				ready("", 2)
				w.pass(nginx.SlotSeconds * time.Second)
				w.want(nginx.SoldOut)
			})
		})
	}
}

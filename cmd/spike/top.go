package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"
	"golang.org/x/term"

	"spike/edge/dashboard"
	"spike/luascripts/ledger"
)

// TopCmd prints what the dashboard shows.
type TopCmd struct {
	storeFlag
	outputFlag
	Sale  string        `arg:"" optional:"" help:"Show more of this sale."`
	URL   string        `name:"url" placeholder:"URL" help:"${top_url}"`
	Token string        `env:"SPIKE_VIEWER_TOKEN,SPIKE_ADMIN_TOKEN" placeholder:"TOKEN" help:"${top_token}"`
	Once  bool          `help:"Print one look and end."`
	Every time.Duration `default:"1s" help:"How long to wait between two looks, at least 250ms."`
}

// Validate refuses a name that no sale can have, two places to look at, and none. A Redis that only a variable names gives way.
func (c *TopCmd) Validate(given *kong.Context) error {
	redis := slices.ContainsFunc(given.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "redis" })
	switch {
	case c.URL == "" && c.Redis == "", c.URL != "" && redis:
		return usagef("give --redis ADDR, or --url URL of an operators' side")
	case c.Every < 250*time.Millisecond:
		return usagef("--every is 250ms or more")
	case c.Sale == "":
		return nil
	}
	return ledger.CheckName(c.Sale)
}

// looks is where looks come from.
type looks func(ctx context.Context) ([]byte, error)

// Run prints looks until a signal.
func (c *TopCmd) Run(ctx context.Context) error {
	if c.URL != "" {
		return c.print(ctx, c.ask)
	}
	store, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	looker := dashboard.NewLooker(c.look(store, zerolog.Nop()))
	ctx, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	looking.Go(func() { looker.Run(ctx) })
	if _, err := looker.Look(ctx, c.Sale); err == nil {
		pause(ctx, twoBeats) // rates are differences of beats
	}
	return c.print(ctx, func(ctx context.Context) ([]byte, error) { return looker.Look(ctx, c.Sale) })
}

// twoBeats is the time in which each process beats again.
const twoBeats = ledger.BeatEvery * 3 / 2

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// ask asks an operators' side for a look.
func (c *TopCmd) ask(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	at := strings.TrimSuffix(c.URL, "/") + "/api/v1/look?sale=" + url.QueryEscape(c.Sale)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, usagef("--url: %w", err)
	}
	if c.Token != "" {
		q.Header.Set("Authorization", "Bearer "+c.Token)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, unreachedf("--url: %w", err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err == nil && r.StatusCode != http.StatusOK {
		err = unreachedf("--url %s: %s: %s", c.URL, r.Status, bytes.TrimSpace(text))
	}
	return text, err
}

// print prints looks until ctx ends. On a terminal each look replaces the one before.
func (c *TopCmd) print(ctx context.Context, from looks) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		text, err := from(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = c.show(text)
		}
		if err != nil || c.Once {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

const clearScreen = "\x1b[H\x1b[2J"

// show prints one look.
func (c *TopCmd) show(text []byte) error {
	if c.asJSON() {
		_, err := fmt.Printf("%s\n", bytes.TrimSpace(text))
		return err
	}
	var l dashboard.Look
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("look: %w", err)
	}
	var page bytes.Buffer
	rows := 0
	if _, height, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		rows = max(5, height/2)
		if !c.Once {
			page.WriteString(clearScreen)
		}
	}
	if err := l.Write(&page, rows); err != nil {
		return err
	}
	_, err := page.WriteTo(os.Stdout)
	return err
}

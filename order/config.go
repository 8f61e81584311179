package order

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/order/loopback"
)

// Config is what a worker needs to know.
type Config struct {
	Admin         string           // where operators come in; empty: nowhere
	AdminTokens   *loopback.Tokens // wanted from everybody who wants the metrics, if there is one; needed off loopback
	Rebind        bool             // the store's orders belong to this database from now on, whatever database had them
	RetryParked   bool             // try all parked orders again, once
	Batch         int              // rows to a transaction, about: 1 to MaxBatch
	Webhook       string           // http(s)://…; empty: none
	WebhookSecret string           // whsec_…, never logged

	Registry prometheus.Registerer // for the worker's metrics besides the listener's; nil: none
	Process  prometheus.Collector  // what the listener's metrics say of the process; nil: nothing

	pace *pace // of tests
}

// MaxBatch is the largest Config.Batch.
const MaxBatch = 10_000

// pace is how often things are done.
type pace struct {
	look      time.Duration // for new sales; at a sale's numbers
	sweep     time.Duration // between sweeps of holds, where some are over
	tend      time.Duration // and where none is
	rest      time.Duration // between looks at a sale of which there is no news
	quiet     time.Duration // at most, between reads of a stream in which nothing happens
	checkIdle time.Duration // for events whose worker may have died; and how far behind the group is
	idle      time.Duration // for so long it must have been silent about them
	retry     time.Duration // first pause after a failure; it doubles up to retryMost
	retryMost time.Duration
	statement time.Duration // for one transaction
	lastTry   time.Duration // for a batch in hand, when the worker is told to end
	bind      time.Duration // between words that the store's orders are this database's
	again     time.Duration // between looks for parked orders that are to be tried again
	check     time.Duration // at most so long a consumer stores without a look whether the database still has what it had
	send      time.Duration // between looks for deliveries that are due
	webhook   time.Duration // first pause after a failed attempt; it doubles up to maxSendPause, of all messages to maxPause
}

// 5 s of silence and looks 2 s apart: a dead worker's events are another's within 10 s.
var steady = pace{look: time.Second, sweep: 200 * time.Millisecond, tend: time.Minute, rest: 5 * time.Minute, quiet: 500 * time.Millisecond,
	checkIdle: 2 * time.Second, idle: 5 * time.Second, retry: 100 * time.Millisecond, retryMost: 5 * time.Second,
	statement: 10 * time.Second, lastTry: 5 * time.Second, bind: 2 * time.Second, again: 2 * time.Second, check: time.Second,
	send: 500 * time.Millisecond, webhook: 5 * time.Second}

func (c *Config) begin() error {
	if c.pace == nil {
		c.pace = &steady
	}
	if c.Batch < 1 || c.Batch > MaxBatch {
		return fmt.Errorf("%w: a batch is 1 to %d rows, not %d", ErrConfig, MaxBatch, c.Batch)
	}
	if c.Webhook == "" {
		return nil
	}
	u, err := url.Parse(c.Webhook)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" { // not repeated: it may hold a password
		return fmt.Errorf("%w: the webhook is not http://… or https://…", ErrConfig)
	}
	return checkSecret(c.WebhookSecret)
}

// checkSecret wants what the convention says: 24 to 64 bytes in base64.
func checkSecret(secret string) error {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return fmt.Errorf("%w: a webhook needs a secret: whsec_ and 24 to 64 random bytes in base64", ErrConfig)
	}
	return nil
}

package order

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spike/order/loopback"
)

// Config is the configuration of a worker.
type Config struct {
	Admin         string           // address of the operators' side; empty: none
	AdminTokens   *loopback.Tokens // needed for the metrics, if there are any; they must exist off loopback
	Rebind        bool             // the store's orders belong to this database from now on, whichever database had them
	RetryParked   bool             // try all parked orders again, once
	Batch         int              // about so many rows in a transaction: 1 to MaxBatch
	Webhook       string           // http(s)://…; empty: none
	WebhookSecret string           // whsec_…, never logged

	Node    string // a name for people
	Version string

	Registry prometheus.Registerer // for the worker's metrics beside the listener's; nil: none
	Process  prometheus.Collector  // what the listener's metrics tell about the process; nil: nothing

	// Up is called once, when the worker works, with its listener's address; that is nil if there is none. Nil: nobody is told.
	Up func(operators net.Addr)

	pace *pace // for tests
}

// MaxBatch is the largest Config.Batch.
const MaxBatch = 10_000

// pace says how often the worker does things.
type pace struct {
	look      time.Duration // between looks for new sales, and at a sale's numbers
	sweep     time.Duration // between sweeps of holds, while some are over
	tend      time.Duration // between sweeps of holds, while none is over
	rest      time.Duration // between looks at a sale without news
	quiet     time.Duration // at most, between reads of a stream in which nothing happens
	checkIdle time.Duration // between looks for events whose worker may have died, and at the group's lag
	idle      time.Duration // a worker that was silent about its events for so long loses them
	retry     time.Duration // first pause after a failure; it doubles up to retryMost
	retryMost time.Duration
	statement time.Duration // for one transaction
	lastTry   time.Duration // for a batch in hand, after the worker was told to end
	bind      time.Duration // between claims that the store's orders are this database's
	again     time.Duration // between looks for parked orders to try again
	check     time.Duration // a consumer stores at most so long without a look whether the database still has what it had
	send      time.Duration // between looks for deliveries that are due
	webhook   time.Duration // first pause after a failed attempt; it doubles up to maxSendPause for one message, maxPause for all
}

// Silence counts after 5 s, and the looks are 2 s apart. So another worker has a dead worker's events within 10 s.
var steady = pace{look: time.Second, sweep: 200 * time.Millisecond, tend: time.Minute, rest: 5 * time.Minute,
	quiet:     500 * time.Millisecond,
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
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" { // the address may hold a password
		return fmt.Errorf("%w: the webhook is not http://… or https://…", ErrConfig)
	}
	return checkSecret(c.WebhookSecret)
}

// checkSecret demands what the convention says: 24 to 64 bytes in base64.
func checkSecret(secret string) error {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return fmt.Errorf("%w: a webhook needs a secret: whsec_ and 24 to 64 random bytes in base64", ErrConfig)
	}
	return nil
}

// Command shop is the buyer's side of a sale, to be copied: a page that buys, a login, payments, and a receiver of webhooks. It
// imports nothing of Spike. README.md says what to take and what to replace.
//
// It keeps logins in cookies, and payments and records in memory: a shop keeps them in its database.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		slog.Error("shop", "error", err)
		os.Exit(1)
	}
}

// settings are what an operator of the shop says. Secrets are in files, so that no list of processes shows them.
type settings struct {
	listen, edge, operators, sales          string
	loginKey, paymentToken, webhookSecret   string
	price                                   int
	plainHTTP                               bool
	loginSecret, payToken, webhookSigningBy []byte
}

func parse(args []string) (s settings, err error) {
	f := flag.NewFlagSet("shop", flag.ContinueOnError)
	f.StringVar(&s.listen, "listen", "127.0.0.1:8090", "where buyers connect")
	f.StringVar(&s.edge, "edge", "http://127.0.0.1:3005", "the buyers' side of Spike: nginx before the edges, or an edge")
	f.StringVar(&s.operators, "operators", "http://127.0.0.1:3006", "the operators' side of an edge")
	f.StringVar(&s.sales, "sales", "ticket", "the sales on the first page, with commas between")
	f.IntVar(&s.price, "price", 4900, "what a unit costs, in cents")
	f.BoolVar(&s.plainHTTP, "plain-http", false, "cookies go without TLS, too: only to try the shop")
	f.StringVar(&s.loginKey, "login-key-file", "", "signs logins: 32 bytes or more; an edge takes it as --jwt-key")
	f.StringVar(&s.paymentToken, "payment-token-file", "", "the token of the role payment (spike serve --payment-token-file)")
	f.StringVar(&s.webhookSecret, "webhook-secret-file", "", "whsec_…, as of spike orders; none: the shop takes no webhooks")
	if err = f.Parse(args); err != nil {
		return s, err
	}
	return s, s.readSecrets()
}

func (s *settings) readSecrets() (err error) {
	if s.loginSecret, err = readSecret("-login-key-file", s.loginKey); err != nil {
		return err
	}
	if len(s.loginSecret) < 32 {
		return errors.New("-login-key-file: the key is shorter than 32 bytes")
	}
	if s.payToken, err = readSecret("-payment-token-file", s.paymentToken); err != nil {
		return err
	}
	if s.webhookSecret == "" {
		return nil
	}
	text, err := readSecret("-webhook-secret-file", s.webhookSecret)
	if err != nil {
		return err
	}
	s.webhookSigningBy, err = parseWebhookSecret(string(text))
	return err
}

func readSecret(flag, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return []byte(strings.TrimSpace(string(text))), nil
}

// run serves until ctx is over, and for at most 10 s longer.
func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	edge, err := url.Parse(s.edge)
	if err != nil {
		return fmt.Errorf("-edge: %w", err)
	}
	books := newRecords()
	shop := &shop{
		logins:   logins{key: s.loginSecret, plainHTTP: s.plainHTTP},
		payments: newPayments(ctx, operators{url: s.operators, token: string(s.payToken)}, buyers{url: s.edge}, s.price),
		records:  books,
		webhooks: receiver{secret: s.webhookSigningBy, records: books, now: time.Now},
		edge:     edge,
		sales:    strings.Split(s.sales, ","),
	}
	return serve(ctx, s.listen, shop)
}

func serve(ctx context.Context, addr string, shop *shop) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: shop.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second,
		IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	slog.Info("shop is up", "addr", listener.Addr().String())
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = server.Shutdown(closing)
	shop.payments.wait()
	return err
}

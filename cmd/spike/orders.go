package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"spike/order"
	"spike/order/loopback"
)

// OrdersCmd is the order worker.
type OrdersCmd struct {
	storeFlag
	logFlag
	adminTokens
	DB                string     `name:"db" required:"" placeholder:"URL" help:"postgres://USER:PASS@HOST/DB or sqlite:FILE. Its table orders has a row per serial of a reservation."`
	Webhook           string     `placeholder:"URL" help:"Tell this address of reserved, confirmed and released (Standard Webhooks)."`
	WebhookSecret     string     `placeholder:"SECRET" help:"whsec_...: signs the webhooks. Better in SPIKE_WEBHOOK_SECRET, or a file."`
	WebhookSecretFile string     `placeholder:"FILE" help:"Has the secret in it."`
	Admin             string     `default:"127.0.0.1:3007" env:"SPIKE_ORDERS_ADMIN" empty:"" placeholder:"ADDR" help:"Where operators come in (127.0.0.1:3007); empty: nowhere."`
	Rebind            bool       `help:"Keep this Redis' orders in this database from now on, though another one has had them. What that one stored does not come again."`
	RetryParked       bool       `help:"Try all parked orders again (table parked_orders), once."`
	Batch             int        `default:"500" help:"Rows to a transaction, about."`
	Config            configFile `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`
}

// Run works until a signal.
func (c *OrdersCmd) Run(ctx context.Context, hup hangups, s *settings) error {
	log, out := c.open()
	defer out.Close()
	secret, err := c.secret()
	if err != nil {
		return err
	}
	admin, err := c.tokens()
	if err != nil {
		return err
	}
	book, err := order.Open(c.DB)
	if err != nil {
		return err
	}
	defer book.Close()
	store, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	tokens := loopback.NewTokens(admin...)
	go hup.each(ctx, func() { s.reload(tokens, log, func(fresh *cli) reloadable { return &fresh.Orders }) })
	return order.Run(ctx, order.Config{Admin: c.Admin, AdminTokens: tokens, Rebind: c.Rebind, RetryParked: c.RetryParked,
		Batch: c.Batch, Webhook: c.Webhook, WebhookSecret: secret, Process: out.metric()}, store, book, log)
}

func (c *OrdersCmd) secret() (string, error) {
	if c.WebhookSecretFile == "" {
		return c.WebhookSecret, nil
	}
	if c.WebhookSecret != "" {
		return "", fmt.Errorf("%w: --webhook-secret and --webhook-secret-file: one of them", errUsage)
	}
	text, err := os.ReadFile(c.WebhookSecretFile)
	if err != nil {
		return "", fmt.Errorf("%w: --webhook-secret-file: %w", errUsage, err)
	}
	return strings.TrimSpace(string(text)), nil
}

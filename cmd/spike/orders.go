package main

import (
	"context"
	"net"
	"os"
	"strings"

	"spike/order"
	"spike/order/loopback"
	"spike/order/operators/manager"
)

// OrdersCmd is the order worker.
type OrdersCmd struct {
	storeFlag
	logFlag
	adminTokens
	DB                string     `name:"db" required:"" placeholder:"URL" help:"${db}"`
	Webhook           string     `placeholder:"URL" help:"Send it reserved, confirmed and released (Standard Webhooks)."`
	WebhookSecret     string     `placeholder:"SECRET" help:"whsec_...: signs webhooks. SPIKE_WEBHOOK_SECRET or a file is safer."`
	WebhookSecretFile string     `placeholder:"FILE" help:"A file with the secret."`
	Admin             string     `default:"127.0.0.1:3007" env:"SPIKE_ORDERS_ADMIN" empty:"" placeholder:"ADDR" help:"${orders}"`
	Node              string     `placeholder:"NAME" help:"This worker's name, for people. Default: the host's."`
	Rebind            bool       `env:"-" help:"${rebind}"`
	RetryParked       bool       `env:"-" help:"Try all parked orders again (table parked_orders), once."`
	Batch             int        `default:"500" help:"How many rows a transaction has, about."`
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
	repository, err := order.Open(c.DB)
	if err != nil {
		return err
	}
	defer repository.Close()
	store, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	tokens := loopback.NewTokens()
	tokens.Set(admin)
	m := manager.Find(log)
	go hup.each(ctx, func() {
		m.Reload(func() { s.reload(tokens, log, func(fresh *cli) reloadable { return &fresh.Orders }) })
	})
	return order.Run(ctx, order.Config{Node: nodeName(c.Node), Version: version, Admin: c.Admin, AdminTokens: tokens,
		Rebind: c.Rebind, RetryParked: c.RetryParked, Up: func(side net.Addr) { m.Up(ctx, nil, side) },
		Batch: c.Batch, Webhook: c.Webhook, WebhookSecret: secret, Process: out.metric()}, store, repository, log)
}

func (c *OrdersCmd) secret() (string, error) {
	if c.WebhookSecretFile == "" {
		return c.WebhookSecret, nil
	}
	if c.WebhookSecret != "" {
		return "", usagef("--webhook-secret and --webhook-secret-file: give only one")
	}
	text, err := os.ReadFile(c.WebhookSecretFile)
	if err != nil {
		return "", usagef("--webhook-secret-file: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

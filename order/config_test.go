package order

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func wantConfigError(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q: %v", what, err)
	}
}

func secretOf(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", n)))
}

func TestBadSettings(t *testing.T) {
	good := Config{Batch: 1, Webhook: "https://example.org/hook", WebhookSecret: secretOf(24)}
	if err := good.begin(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Config){
		"no batch":     func(c *Config) { c.Batch = 0 },
		"a huge batch": func(c *Config) { c.Batch = MaxBatch + 1 },
		"no scheme":    func(c *Config) { c.Webhook = "user:hunter2@example.org" },
		"not http":     func(c *Config) { c.Webhook = "ftp://hunter2@example.org" },
		"no host":      func(c *Config) { c.Webhook = "http:///hunter2" },
		"no secret":    func(c *Config) { c.WebhookSecret = "" },
		"no prefix":    func(c *Config) { c.WebhookSecret = secretOf(24)[6:] },
		"not base64":   func(c *Config) { c.WebhookSecret = "whsec_hunter2!" },
		"a short one":  func(c *Config) { c.WebhookSecret = secretOf(23) },
		"a long one":   func(c *Config) { c.WebhookSecret = secretOf(65) },
	} {
		c := good
		change(&c)
		wantConfigError(t, what, c.begin())
	}
}

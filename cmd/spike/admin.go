package main

import (
	"os"
	"slices"
	"strings"

	"spike/order/loopback"
)

// adminTokens are the tokens that operators may show.
type adminTokens struct {
	AdminToken     string `placeholder:"TOKEN" help:"${admin_token}"`
	AdminTokenFile string `placeholder:"FILE" help:"A file of such tokens, one a line. Each is accepted."`
}

// tokens returns all tokens.
func (a adminTokens) tokens() (loopback.Secrets, error) {
	return secrets(tokenFlags{loopback.Admin, "admin", a.AdminToken, a.AdminTokenFile})
}

// roleTokens are the tokens of a side that has sales and the dashboard. Each role has its own.
type roleTokens struct {
	adminTokens
	ViewerToken      string `placeholder:"TOKEN" help:"${viewer_token}"`
	ViewerTokenFile  string `placeholder:"FILE" help:"A file of such tokens, one a line."`
	PaymentToken     string `placeholder:"TOKEN" help:"${payment_token}"`
	PaymentTokenFile string `placeholder:"FILE" help:"A file of such tokens, one a line."`
}

// tokens returns all tokens of all roles.
func (r roleTokens) tokens() (loopback.Secrets, error) {
	return secrets(tokenFlags{loopback.Admin, "admin", r.AdminToken, r.AdminTokenFile},
		tokenFlags{loopback.Viewer, "viewer", r.ViewerToken, r.ViewerTokenFile},
		tokenFlags{loopback.Payment, "payment", r.PaymentToken, r.PaymentTokenFile})
}

// tokenFlags are the two flags of a role.
type tokenFlags struct {
	role              loopback.Role
	name, token, file string
}

func secrets(flags ...tokenFlags) (loopback.Secrets, error) {
	all := loopback.Secrets{}
	for _, f := range flags {
		texts, err := f.read()
		if err != nil {
			return nil, err
		}
		if len(texts) > 0 {
			all[f.role] = texts
		}
	}
	return all, nil
}

// read returns the tokens of a role.
func (f tokenFlags) read() ([]string, error) {
	var all []string
	if f.token != "" {
		all = append(all, f.token)
	}
	if f.file == "" {
		return all, nil
	}
	text, err := os.ReadFile(f.file)
	if err != nil {
		return nil, usagef("--%s-token-file: %w", f.name, err)
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return nil, usagef("--%s-token-file: %s has no token", f.name, f.file)
	}
	return slices.Concat(all, lines), nil
}

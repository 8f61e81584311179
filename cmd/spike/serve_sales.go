package main

import (
	"context"
	"errors"
	"strings"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
	"spike/nginx/strictyaml"
)

// saleNames reads --sales. It refuses a name that no sale can have: its buyers would hear "no such sale".
func saleNames(flag []string) (names []string, err error) {
	for _, name := range flag {
		name = strings.TrimSpace(name)
		if err := ledger.CheckName(name); err != nil {
			return nil, usagef("--sales: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}

// missingSales warns of names that no sale has now. The sale may be made later.
func missingSales(ctx context.Context, store ledger.News, names []string, log zerolog.Logger) {
	for _, name := range names {
		if _, err := store.Show(ctx, name); !errors.Is(err, ledger.ErrNoSale) {
			continue
		}
		warning := log.Warn().Str("sale", name)
		if all, err := store.List(ctx); err == nil {
			if meant, ok := strictyaml.Nearest(name, all); ok {
				warning = warning.Str("similar", meant)
			}
		}
		warning.Msg("--sales: there is no such sale yet; this edge will sell it once it is made")
	}
}

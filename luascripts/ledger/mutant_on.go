//go:build mutants

package ledger

const mutants = true

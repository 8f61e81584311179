//go:build !race

package token

const tokenMutations = 3_000_000

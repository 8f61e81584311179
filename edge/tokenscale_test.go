//go:build !race

package edge

const tokenMutations = 3_000_000

package luascripts

import (
	"strings"

	"spike/luascripts/ledger"
)

// TokenKey is the key that holds the signing key of tokens, if no other was given.
const TokenKey = "spike:token_key"

// SalesKey is the index of sales, a sorted set: names by birth (0: nobody has bought from the sale yet). RemovedKey is the
// same for removed sales, the newest few thousand.
const (
	SalesKey   = "spike:sales"
	RemovedKey = "spike:removed"
)

// IdentityKey holds the store's identity.
const IdentityKey = "spike:store"

// BeatsKey is which processes beat, a sorted set: `KIND:INSTANCE NODE` by when the newest beat ends, in milliseconds of the
// server's clock. beatKey is the beat itself. JournalKey is the journal, a stream, and notedKey says that it had an entry with
// that Once. These keys are in different slots.
const (
	BeatsKey   = "spike:beats"
	JournalKey = "spike:journal"
)

func beatKey(kind ledger.Kind, instance string) string {
	return "spike:beat:" + string(kind) + ":" + instance
}

func notedKey(once string) string { return "spike:noted:" + once }

// Keys are all keys of a sale, in the order every script has them. They share a slot, because `{ticket_hash_key}:x`
// hashes like `ticket_hash_key`.
//
//	ticket_hash_key                 hash    ticket_total_nums, ticket_sold_nums, birth: the mirror, and the way in
//	{ticket_hash_key}:ledger        hash    the sale's numbers, its doors, its clock: the truth
//	{ticket_hash_key}:free          zset    free ranges: score a, member a-b (serials a <= s < b), never touching
//	{ticket_hash_key}:leases        hash    fence -> instance, request, deadline, hold, limbo, what is left of it
//	{ticket_hash_key}:deadlines     zset    fence, by the time its lease next changes by itself
//	{ticket_hash_key}:instances     hash    instance -> node, last batch, when it last asked, the era it re-asserted in, its fences
//	{ticket_hash_key}:sold          hash    serial -> fence, nonce, expiry, p(ending) or c(onfirmed), event, buyer: 29 to 45 bytes
//	{ticket_hash_key}:holds         zset    groups of serials, by the time when all their holds are over
//	{ticket_hash_key}:orders        stream  every change of owner, in the script that made it
//	{ticket_hash_key}:buyers        hash    buyer -> serials, where the sale has a limit per buyer
//	{ticket_hash_key}:answers       hash    what a key or a cancel was answered; wins, noes: how many names the two logs ever got
//	{ticket_hash_key}:winlog        list    the fields of answers that were "yes", oldest first; b.. for who won within a limit
//	{ticket_hash_key}:nolog         list    and of the others
//	{ticket_hash_key}:entrants      zset    buyers by their lots, where the first units are drawn
//	{ticket_hash_key}:lots          hash    buyer -> the claim its lot came to
//	{ticket_hash_key}:lengths       zset    free ranges by length: member their first serial (u32); a guide, FREE is the truth
//	{ticket_hash_key}:asked         zset    instances, by when they last asked for a lease
//
// Besides: channel {ticket_hash_key}:news, a message whenever what ledger.Store.Listen tells of has happened; and of the whole
// store the index, SalesKey and RemovedKey, and spike:groups, a hash: which database each group of the orders' streams belongs
// to; and of processes and operators the keys of BeatsKey and JournalKey.
func Keys(sale string) []string {
	hash := sale + ledger.HashSuffix
	keys := []string{hash}
	for _, part := range []string{"ledger", "free", "leases", "deadlines", "instances", "sold", "holds",
		"orders", "buyers", "answers", "winlog", "nolog", "entrants", "lots", "lengths", "asked"} {
		keys = append(keys, "{"+hash+"}:"+part)
	}
	return keys
}

// newsChannel is the channel of a sale's news. With the name `*` it is the pattern of all channels.
func newsChannel(sale string) string { return "{" + sale + ledger.HashSuffix + "}:news" }

// saleOfNews is the sale of a channel.
func saleOfNews(channel string) (string, bool) {
	hash, begins := strings.CutPrefix(channel, "{")
	hash, ends := strings.CutSuffix(hash, "}:news")
	if !begins || !ends {
		return "", false
	}
	return ledger.SaleOf(hash)
}

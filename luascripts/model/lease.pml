/*
 * lease.pml: the lease protocol, small enough for a whole search. `make model` runs it with spin. For each kind of store (STORE)
 * the search must find no error. For each guard that is left out (LACKS) it must find one.
 *
 * A script is one step. What an edge does with the answer is another step. Time is in ticks, and what will end is counted down,
 * so that no state has a date in it.
 *
 *   SERIALS  units; each has a lease of its own, and the lowest free unit is granted first
 *   edges    0 and 1, and an heir: it follows 0 after its death and has its ring, or it stands beside 0 and has a copy of its ring
 *   FILE     a lone store, which forgets what came after its file was written
 *   BACKUP   a lone store, which forgets nothing until somebody replaces its file by an older one; all edges live
 *   REPLICA  a store that a replica replaces; the replica has what was waited for; a vote takes a dead replica off the count
 *
 * What goes wrong: a request is executed late, never, or after its edge gave up; an answer is late or lost; an edge stands still
 * for any time; edge 0 is killed, with its machine or without; its ring is copied; the store's clock is J ahead, and may say
 * anything after a restart; the store is cut off from its replica.
 *
 * What holds:
 *   I1     a buyer is told of a unit only while nobody else has it: no promise of it is alive, and nobody has paid for it
 *   E3     no claim is called resolved while its time is not over and its ring is there
 *   row 8  a hold lasts as long as its buyer was told
 *   live   (ltl, with -DLIVE) in the end a unit that a dead edge had leased is free, another's, or paid; and a recovery ends. The
 *          search is of runs in which a process that can always act acts in the end: time passes, and somebody sweeps.
 * The model takes for granted that a fence is given only once (I4): era.lua sees to it.
 *
 * The constants below bound what happens; `check` has the constants of each search. No search has everything: BACKUP has no
 * kills; with two serials no edge renews or dies, nobody deducts and no clock jumps; edge 1 never renews; `live` is of FILE.
 *
 * A call of several Deducts is these Deducts with nothing in between, and one wait for all. Such runs are a part of those that are
 * searched, in which anything may come between them.
 *
 * Left out: ranges, batches of claims, n > 1, limits, keys, draws, cancels; the ring's slots, and a taker that sleeps within a Take
 * (edge/allotment/doc.go and the simulator have both); recall and fair parts; an old primary that still answers (its waits fail;
 * but if WAIT_RENEW is left out, it renews); ledger time that stands still because nobody calls; wall clocks of edges (they only
 * end a lease sooner); calls that are executed twice; a re-assertion that is sent before its leases change, or whose answer is
 * late; tokens of a lone store that lost history (a named loss).
 */

#define FILE    1
#define BACKUP  2
#define REPLICA 3

#ifndef STORE
#define STORE FILE
#endif
#ifndef SERIALS
#define SERIALS 1
#endif
#ifndef GRANTS
#define GRANTS 2 /* leases and deducts, in all */
#endif
#ifndef ASKED
#define ASKED 1 /* lease calls of an edge */
#endif
#ifndef DEDUCTS
#define DEDUCTS 1 /* of these grants */
#endif
#ifndef RENEWERS
#define RENEWERS 1 /* edges that renew: 0, or both */
#endif
#ifndef ERAS
#define ERAS 1 /* restarts, or fail-overs */
#endif
#ifndef JUMPS
#define JUMPS 1
#endif
#ifndef KILLS
#define KILLS 1
#endif

/* The guards. -DLACKS=NAME leaves one out: then the comment holds. */
#define NOTHING           0
#define NO_MARGIN         1  /* edges sell until their lease's last moment, and the ledger frees the unit then */
#define SENT_LATE         2  /* a lease's life is counted from the answer, not from the send */
#define NO_LIMBO          3  /* a dead lease's units are free at once */
#define CLOCK_UNCAPPED    4  /* ledger time jumps with the store's clock */
#define GIVE_BACK_REFILLS 5  /* a unit is on sale again after it was given back */
#define AWAITED_FREED     6  /* a renewal frees a lease whose grant is on its way */
#define COPY_IS_PROOF     7  /* an edge with a copy of a ring calls its owner's units unsold */
#define RECOVER_BLIND     8  /* the next edge frees leases before it settles the ring */
#define WALL_GAP          9  /* at a restart ledger time gains what the wall clock says */
#define ORIGIN_BY_CLOCK   10 /* a wall clock says that a restart has lost nothing */
#define SHORT_RECOVERY    11 /* units are granted before the promises of lost history are over */
#define LEASE_ANY_ERA     12 /* units are leased in a recovery */
#define DEDUCT_ANY_ERA    13 /* units are deducted in a recovery */
#define FENCE_COUNTS      14 /* fences count up, so those of a lost history are used again */
#define OLD_DEADLINES     15 /* a new era leaves deadlines as its file has them */
#define LOSSY_FREES       16 /* in a lossy recovery a renewal frees what its caller does not name */
#define NEVER_UNHEARD     17 /* a claim that lost history may have had is called resolved */
#define RENEW_UNASSERTED  18 /* in a recovery an edge renews before it has re-asserted */
#define ASSERT_ENDED      19 /* an edge re-asserts a lease that may have ended */
#define NO_PROOF_TIME     20 /* a restart from disk grants before a living edge can come */
#define NO_PROOF          21 /* an edge that has acted on more than the file has says nothing of it */
#define WAIT_LEASE        22 /* from here to WAIT_CONFIRM: each is acted on before the replica has it */
#define WAIT_RENEW        23
#define WAIT_SETTLE       24
#define WAIT_DEDUCT       25
#define WAIT_CONFIRM      26
#define RECOUNT_ONLINE    27 /* a vote sets the count to the replicas that are there when it ends */
#define SWEEP_OWNED       28 /* the end of a hold frees a paid unit */
#define OLD_ANSWER        29 /* after its re-assertion an edge acts on an answer of the era before */
#define RENEW_OLD_CALL    30 /* a renewal that was sent before the re-assertion counts after it */
#define ASSERT_LATE       31 /* an edge re-asserts a lease that has ended if the store's clock has jumped */
#define OWNER_FREES       32 /* a lease that is over waits for its owner */
#define AWAIT_ALL         33 /* a recovery ends only when every edge has re-asserted */
#ifndef LACKS
#define LACKS NOTHING
#endif
#define GUARD(g) (LACKS != g)

/*
 * Ticks. An edge sells up to the last moment of its lease less the margin: SELLS is one more, because a moment between two ticks
 * counts as the earlier tick. FREES is lease, margin and hold: then the ledger frees a unit that nobody has settled.
 */
#define LEASE  2
#define MARGIN 1
#ifndef HOLD
#define HOLD   1
#endif
#define JUMP   1
#ifndef PROOF
#define PROOF  2 /* if an older file may come back, at least SELLS and the jumps, because an answer may be that late */
#endif
#define SELLS  (LEASE + 1 - (GUARD(NO_MARGIN) -> MARGIN : 0))
#define FREES  (LEASE + (GUARD(NO_MARGIN) -> MARGIN : 0) + (GUARD(NO_LIMBO) -> HOLD : 0))
#define WHOLE  (LEASE + MARGIN + HOLD)

#define EDGES  2
#define NOBODY 7

/* The states of a unit in the ledger. Limbo is LEASED with at most HOLD to go. */
#define FREE      0
#define LEASED    1
#define PENDING   2
#define CONFIRMED 3

/* The states of a unit at an edge. A CLAIM is in the ring, which outlives the process. */
#define NONE  0
#define STOCK 1
#define CLAIM 2
#define BACK  3

/* The states of a call. */
#define QUIET    0
#define SENT     1
#define ANSWERED 2

typedef Ledger {
	byte state[SERIALS];
	byte owner[SERIALS];
	byte fence[SERIALS];
	byte ends[SERIALS];
	byte request[SERIALS];
	byte newest;    /* fence */
	byte floor;     /* a higher fence that is not here is of lost history */
	byte shut;      /* it grants nothing for so many ticks */
	byte early;     /* it does not end that early for so many ticks */
	bit lossy;
	bit said[EDGES] /* has re-asserted in this era */
}

typedef Edge {
	bit lives;
	bit ahead;             /* has acted on what the file lacks */
	byte era;              /* the last one in which it has re-asserted and got the answer */
	bit asserting;         /* it has re-asserted in a later one, without an answer */
	byte have[SERIALS];
	byte fence[SERIALS];
	byte freed[SERIALS];   /* the ledger does not free it for so many ticks; the edge may sell for the first SELLS of them */
	byte expires[SERIALS]; /* its claim */
	byte settle[SERIALS];
	bit settleKept[SERIALS];

	byte lease;
	byte asked;
	byte leaseAge;
	byte leaseEra;
	byte grant;
	byte grantFence;
	bit leaseKept;
	bit orphan;            /* a lease call without a waiter is on its way */

	byte renew;
	byte renewAge;
	byte renewEra;
	byte renewFrom;        /* the era in which it was sent */
	byte awaits;
	bit renewKept;
	byte names[SERIALS];
	bit renewed[SERIALS]
}

Ledger db;                     /* the store */
Ledger old;                    /* its file, or the replica */
hidden Ledger none;
Edge E[EDGES];
byte era, fences, deducts, jumps, saves;
bit burnt;                     /* edge 0's machine, and its ring */

byte alive[SERIALS];           /* a promise of it binds for so many ticks of ledger time */
byte promised[SERIALS];        /* its fence */
bit paid[SERIALS];             /* its buyer was told so */
bit paying[SERIALS];           /* confirmed, and not told yet */
bit payingKept[SERIALS];
bit deducted[SERIALS];         /* and not told yet */
byte deductFence[SERIALS];
byte deductEnds[SERIALS];
bit deductKept[SERIALS];
byte wanted;                   /* replicas that must have what is acted on (I5) */
byte heard;                    /* the same, as the replica has it */
bit online;                    /* the replica hears the primary */
bit voting;
hidden byte k;                 /* counts within a step */

#define recovering    (db.shut > 0)
#define forgetful     (db.shut > 0 && db.lossy)
#define known(f, s)   (db.state[s] == LEASED && db.fence[s] == f)
#define unheard(f, s) (recovering && f > db.floor && !known(f, s) && GUARD(NEVER_UNHEARD))
#define kept(b, g)    (STORE != REPLICA || LACKS == g || wanted == 0 || (wanted == 1 && b))
#define less(n, by)   (n > by -> n - by : 0)
#define lowest(s)     (db.state[s] == FREE && (s == 0 || db.state[0] != FREE)) /* the unit that is granted first */
#define sells(e, s)   (E[e].freed[s] > FREES - SELLS)
#define outlived(e, s)  (GUARD(ASSERT_ENDED) && E[e].freed[s] <= (GUARD(ASSERT_LATE) -> MARGIN : 0)) /* it may have ended */

/* told is the moment at which a buyer hears that a unit is theirs. */
inline told(unit, mark, span) {
	assert(alive[unit] == 0 && !paid[unit]); /* I1 */
	alive[unit] = span; promised[unit] = mark
}

/* acts: an edge acts on an answer. */
#define acts(e, b) E[e].ahead = (STORE == BACKUP && (E[e].ahead || !b))

inline newFence(s) {
	fences++;
	db.newest = (GUARD(FENCE_COUNTS) -> fences : db.newest + 1);
	db.fence[s] = db.newest
}

inline sweep(s) {
	assert(db.state[s] != PENDING || alive[s] == 0 || promised[s] != db.fence[s]); /* a hold lasts as long as was told */
	db.state[s] = FREE; db.owner[s] = NOBODY; db.fence[s] = 0; db.ends[s] = 0; db.request[s] = 0
}

inline beginEra() {
	for (k : 0 .. SERIALS - 1) {
		if
		:: db.state[k] == LEASED && db.ends[k] < FREES && GUARD(OLD_DEADLINES) -> db.ends[k] = FREES
		:: else
		fi
	}; skip
}

/* An edge proves that history was lost. */
inline lose() {
	if
	:: !forgetful ->
		db.floor = (recovering && db.floor < db.newest -> db.floor : db.newest);
		db.lossy = 1;
		db.shut = (GUARD(SHORT_RECOVERY) -> WHOLE : 1);
		beginEra()
	:: else
	fi
}

/* E4: an edge names all that it still answers for; of a copied ring it names the claims. */
inline reassert(e, claims) {
	if
	:: !db.said[e] ->
		if
		:: !claims && E[e].ahead && GUARD(NO_PROOF) -> lose()
		:: else
		fi;
		for (k : 0 .. SERIALS - 1) {
			if
			:: (E[e].have[k] == CLAIM || (!claims && E[e].have[k] != NONE && !outlived(e, k))) &&
			   unheard(E[e].fence[k], k) && (db.state[k] == FREE ||
			   (db.state[k] != CONFIRMED && db.fence[k] < E[e].fence[k])) ->
				db.state[k] = LEASED; db.owner[k] = e; db.fence[k] = E[e].fence[k]; db.ends[k] = FREES; db.request[k] = 0;
				db.newest = (E[e].fence[k] > db.newest -> E[e].fence[k] : db.newest)
			:: else
			fi
		}
		db.said[e] = 1
	:: else
	fi
}

inline forget(e, s) {
	E[e].have[s] = NONE; E[e].fence[s] = 0; E[e].freed[s] = 0; E[e].expires[s] = 0;
	E[e].settle[s] = QUIET; E[e].settleKept[s] = 0
}

/* Rows 4 and 5. */
inline settleClaim(e, s) {
	if
	:: known(E[e].fence[s], s) && db.ends[s] > 0 && E[e].expires[s] > 0 ->
		db.state[s] = PENDING; db.owner[s] = NOBODY; db.request[s] = 0; db.ends[s] = E[e].expires[s];
		E[e].settle[s] = ANSWERED
	:: db.state[s] >= PENDING && db.fence[s] == E[e].fence[s] -> E[e].settle[s] = ANSWERED
	:: else ->
		if
		:: E[e].expires[s] == 0 -> E[e].have[s] = BACK; E[e].settle[s] = QUIET
		:: E[e].expires[s] > 0 && unheard(E[e].fence[s], s) && !db.said[e] -> skip /* re-assert first */
		:: else ->
			assert(alive[s] == 0 || promised[s] != E[e].fence[s]); /* E3 */
			forget(e, s)
		fi
	fi
}

/* In a recovery only an edge that had re-asserted when it sent the call renews, because an older call may come later. */
#define saidThen(e) (!GUARD(RENEW_UNASSERTED) || (GUARD(RENEW_OLD_CALL) -> E[e].renewFrom == era : db.said[e]))

/* Row 2. The caller does not know of a lease that it neither names nor awaits: that lease goes free. */
inline renewLeases(e) {
	for (k : 0 .. SERIALS - 1) {
		if
		:: db.state[k] == LEASED && db.owner[k] == e && E[e].names[k] == db.fence[k] ->
			if
			:: db.ends[k] > 0 && (!recovering || saidThen(e)) -> db.ends[k] = FREES; E[e].renewed[k] = 1
			:: else
			fi
		:: db.state[k] == LEASED && db.owner[k] == e && E[e].names[k] != db.fence[k] &&
		   (!forgetful || !GUARD(LOSSY_FREES)) && (db.request[k] < E[e].awaits || !GUARD(AWAITED_FREED)) -> sweep(k)
		:: else
		fi
	}; skip
}

inline noLease(e) {
	E[e].lease = QUIET; E[e].leaseAge = 0; E[e].leaseEra = 0; E[e].grant = 0; E[e].grantFence = 0; E[e].leaseKept = 0
}

inline noRenew(e) {
	E[e].renew = QUIET; E[e].renewAge = 0; E[e].renewEra = 0; E[e].renewFrom = 0; E[e].awaits = 0; E[e].renewKept = 0;
	for (k : 0 .. SERIALS - 1) {
		E[e].names[k] = 0; E[e].renewed[k] = 0
	}; skip
}

#define since(n, age) (GUARD(SENT_LATE) -> less(n, age) : n)

/* stale: an answer of an era before the one it has re-asserted in. It widens nothing. */
#define stale(e, was) (E[e].asserting && was == E[e].era && GUARD(OLD_ANSWER))

/* take puts a grant on sale, unless it came too late or from another era. */
inline take(e, s) {
	acts(e, E[e].leaseKept);
	E[e].fence[s] = E[e].grantFence;
	E[e].freed[s] = since(FREES, E[e].leaseAge);
	E[e].have[s] = (sells(e, s) && E[e].leaseEra == E[e].era && !stale(e, E[e].leaseEra) -> STOCK : BACK);
	noLease(e)
}

/* renewal: a lease that this era does not know counts as lost only after it was re-asserted. */
inline renewal(e) {
	acts(e, E[e].renewKept);
	for (k : 0 .. SERIALS - 1) {
		if
		:: E[e].have[k] == STOCK && E[e].names[k] == E[e].fence[k] && E[e].renewed[k] && !stale(e, E[e].renewEra) ->
			E[e].freed[k] = since(FREES, E[e].renewAge)
		:: E[e].have[k] == STOCK && E[e].names[k] == E[e].fence[k] && !E[e].renewed[k] && E[e].renewEra == E[e].era -> forget(e, k)
		:: else
		fi
	}
	noRenew(e)
}

/* adjust: units that the ledger of the new era does not have, or whose lease may have ended, leave the stock. Claims stay. */
inline adjust(e) {
	for (k : 0 .. SERIALS - 1) {
		if
		:: E[e].have[k] == STOCK && (!known(E[e].fence[k], k) || db.owner[k] != e || outlived(e, k)) ->
			forget(e, k)
		:: E[e].have[k] == STOCK && known(E[e].fence[k], k) && db.owner[k] == e && E[e].freed[k] < db.ends[k] ->
			E[e].freed[k] = db.ends[k]
		:: else
		fi
	}
	E[e].era = era; E[e].ahead = 0; E[e].asserting = 0
}

/* The calls of an edge that concern all units. */
proctype Keeper(byte e) {
	do
	:: d_step { E[e].lives && E[e].lease == QUIET && !E[e].orphan && E[e].asked < ASKED -> E[e].lease = SENT; E[e].asked++ }
	:: d_step { E[e].lives && E[e].lease == ANSWERED && kept(E[e].leaseKept, WAIT_LEASE) &&
			E[e].have[E[e].grant] == NONE -> take(e, E[e].grant) }
	:: d_step { e < RENEWERS && E[e].lives && E[e].renew == QUIET && E[e].asked > 0 ->
			E[e].renew = SENT; E[e].renewFrom = E[e].era;
			E[e].awaits = (E[e].lease == QUIET -> E[e].asked + 1 : E[e].asked);
			for (k : 0 .. SERIALS - 1) {
				E[e].names[k] = (E[e].have[k] != NONE -> E[e].fence[k] : 0)
			}; skip }
	:: d_step { E[e].renew == SENT -> renewLeases(e); E[e].renew = ANSWERED; E[e].renewEra = era; E[e].renewFrom = 0 }
	:: d_step { !GUARD(WAIT_RENEW) && E[e].renew == SENT && E[e].era != era -> /* by the old primary */
			for (k : 0 .. SERIALS - 1) {
				E[e].renewed[k] = (E[e].names[k] != 0)
			}
			E[e].renew = ANSWERED; E[e].renewEra = E[e].era; E[e].renewFrom = 0 }
	:: d_step { E[e].lives && E[e].renew == ANSWERED && kept(E[e].renewKept, WAIT_RENEW) -> renewal(e) }
	:: d_step { E[e].lives && E[e].era != era -> reassert(e, 0); adjust(e) }
	:: d_step { E[e].lives && E[e].era != era && !db.said[e] -> reassert(e, 0); E[e].asserting = 1 } /* the answer is lost */
	od
}

/* An edge and one unit. */
proctype Seller(byte e; byte s) {
	do
	:: d_step { (E[e].lease == SENT || E[e].orphan) && lowest(s) && fences < GRANTS && /* row 1 */
			(!recovering || !GUARD(LEASE_ANY_ERA)) ->
			newFence(s);
			db.state[s] = LEASED; db.owner[s] = e; db.ends[s] = FREES; db.request[s] = E[e].asked;
			if
			:: E[e].lease == SENT -> E[e].lease = ANSWERED; E[e].leaseEra = era; E[e].grant = s; E[e].grantFence = db.fence[s]
			:: else -> E[e].orphan = 0
			fi }
	:: d_step { E[e].lives && E[e].have[s] == STOCK && sells(e, s) -> /* row 3 */
			E[e].have[s] = CLAIM; E[e].expires[s] = HOLD;
			told(s, E[e].fence[s], HOLD) }
	:: d_step { E[e].lives && E[e].have[s] == STOCK -> E[e].have[s] = BACK }
	:: d_step { E[e].lives && E[e].have[s] == BACK -> /* row 9 */
			if
			:: known(E[e].fence[s], s) && db.owner[s] == e -> sweep(s)
			:: else
			fi;
			if
			:: GUARD(GIVE_BACK_REFILLS) -> forget(e, s)
			:: else -> E[e].have[s] = STOCK; E[e].freed[s] = FREES
			fi }
	:: d_step { E[e].lives && E[e].have[s] == CLAIM && E[e].settle[s] == QUIET -> settleClaim(e, s) }
	:: d_step { E[e].settle[s] == ANSWERED -> E[e].settle[s] = QUIET; E[e].settleKept[s] = 0 } /* the answer is lost */
	:: d_step { E[e].lives && E[e].settle[s] == ANSWERED && kept(E[e].settleKept[s], WAIT_SETTLE) ->
			acts(e, E[e].settleKept[s]);
			forget(e, s) }
	od
}

#define settledRing (E[0].have[0] != CLAIM && E[0].have[SERIALS - 1] != CLAIM)

/* The edge that comes in the place of edge 0, or beside it, with a copy of its ring (P1). */
proctype Heir(byte s) {
	do
	:: d_step { KILLS && !E[0].lives && E[0].have[s] == CLAIM && E[0].settle[s] == QUIET -> settleClaim(0, s) }
	:: d_step { KILLS && !E[0].lives && E[0].settle[s] == ANSWERED && kept(E[0].settleKept[s], WAIT_SETTLE) -> forget(0, s) }
	:: d_step { KILLS && !E[0].lives && !burnt && recovering && !db.said[0] -> reassert(0, 1) }
	:: d_step { KILLS && !burnt && (!E[0].lives || !GUARD(COPY_IS_PROOF)) && (settledRing || !GUARD(RECOVER_BLIND)) && !forgetful ->
			for (k : 0 .. SERIALS - 1) { /* its owner is dead and will sell nothing more (I7) */
				if
				:: db.state[k] == LEASED && db.owner[k] == 0 -> sweep(k)
				:: else
				fi
			}; skip }
	od
}

/* Buyers who pay, and buyers served by a Deduct (row 6). */
proctype Buyer(byte s) {
	do
	:: d_step { lowest(s) && fences < GRANTS && (!recovering || !GUARD(DEDUCT_ANY_ERA)) && !deducted[s] && deducts < DEDUCTS ->
			deducts++; newFence(s);
			db.state[s] = PENDING; db.owner[s] = NOBODY; db.ends[s] = HOLD; db.request[s] = 0;
			deducted[s] = 1; deductFence[s] = db.fence[s]; deductEnds[s] = HOLD }
	:: d_step { deducted[s] && deductEnds[s] > 0 && kept(deductKept[s], WAIT_DEDUCT) ->
			told(s, deductFence[s], deductEnds[s]);
			deducted[s] = 0; deductFence[s] = 0; deductEnds[s] = 0; deductKept[s] = 0 }
	:: d_step { deducted[s] -> deducted[s] = 0; deductFence[s] = 0; deductEnds[s] = 0; deductKept[s] = 0 } /* the answer is lost */
	:: d_step { STORE == REPLICA && alive[s] > 0 && !paying[s] && db.fence[s] == promised[s] && /* rows 5 and 7 */
			db.state[s] != FREE && db.ends[s] > 0 ->
			db.state[s] = CONFIRMED; db.owner[s] = NOBODY; db.request[s] = 0; paying[s] = 1 }
	:: d_step { paying[s] && kept(payingKept[s], WAIT_CONFIRM) -> paid[s] = 1; paying[s] = 0; payingKept[s] = 0 }
	:: d_step { paying[s] -> paying[s] = 0; payingKept[s] = 0 } /* the answer is lost */
	od
}

/* recovered: a recovery ends. */
inline recovered() {
	db.shut = 0; db.early = 0; db.lossy = 0; db.floor = 0; db.said[0] = 0; db.said[1] = 0
}

/* The sweep (rows 8, 10, 11), and the end of a recovery (E2). */
proctype Sweeper(byte s) {
	do
	:: d_step { db.ends[s] == 0 && (db.state[s] == PENDING ||
			(db.state[s] == LEASED && (GUARD(OWNER_FREES) || E[db.owner[s]].lives)) ||
			(db.state[s] == CONFIRMED && !GUARD(SWEEP_OWNED))) -> sweep(s) }
	:: d_step { recovering && !db.lossy && db.early == 0 ->
			k = 0;
			do
			:: k < SERIALS ->
				if
				:: db.state[k] == LEASED && db.ends[k] > HOLD && db.fence[k] <= db.floor && !db.said[db.owner[k]] -> break
				:: else -> k++
				fi
			:: else -> recovered(); break
			od; skip }
	od
}

/* ledgerTime passes in the store that runs. */
inline ledgerTime(by) {
	for (k : 0 .. SERIALS - 1) {
		db.ends[k] = less(db.ends[k], by)
	}
	db.early = less(db.early, by);
	if
	:: db.shut > by -> db.shut = db.shut - by
	:: db.shut > 0 && db.shut <= by && !GUARD(AWAIT_ALL) && !(db.said[0] && db.said[1]) -> skip
	:: else -> recovered()
	fi
}

/* promiseTime passes for what was promised by ledger time. */
inline promiseTime(by) {
	for (k : 0 .. SERIALS - 1) {
		alive[k] = less(alive[k], by); promised[k] = (alive[k] > 0 -> promised[k] : 0);
		deductEnds[k] = less(deductEnds[k], by);
		E[0].expires[k] = less(E[0].expires[k], by); E[1].expires[k] = less(E[1].expires[k], by)
	}; skip
}

#define PATIENCE (GUARD(SENT_LATE) -> SELLS : WHOLE) /* an edge waits no longer for an answer */

inline edgeTime(e) {
	for (k : 0 .. SERIALS - 1) {
		E[e].freed[k] = less(E[e].freed[k], 1)
	}
	if
	:: E[e].lease == QUIET
	:: E[e].lease != QUIET && E[e].leaseAge + 1 < PATIENCE -> E[e].leaseAge++
	:: else -> E[e].orphan = E[e].orphan || E[e].lease == SENT; noLease(e)
	fi;
	if
	:: E[e].renew == QUIET
	:: E[e].renew != QUIET && E[e].renewAge + 1 < PATIENCE -> E[e].renewAge++
	:: else -> noRenew(e)
	fi
}

#define mustCome(e) (E[e].lives && E[e].ahead && E[e].era != era)
#define awaited     (GUARD(NO_PROOF_TIME) && db.early == 1 && (mustCome(0) || mustCome(1)))

/* A living edge has PROOF to come, whatever file the store has (P3): the clock and its jumps wait for it. */
proctype Clock() {
	do
	:: d_step { !awaited ->
			ledgerTime(1); promiseTime(1); edgeTime(0); edgeTime(1) }
	:: d_step { !awaited && jumps < JUMPS -> jumps++;
			ledgerTime((GUARD(CLOCK_UNCAPPED) -> JUMP : 2 * WHOLE)); promiseTime(JUMP) }
	od
}

#define COPY(to, from) \
	for (k : 0 .. SERIALS - 1) { \
		to.state[k] = from.state[k]; to.owner[k] = from.owner[k]; to.fence[k] = from.fence[k]; to.ends[k] = from.ends[k]; \
		to.request[k] = from.request[k] \
	} \
	to.newest = from.newest; to.floor = from.floor; to.shut = from.shut; to.early = from.early; to.lossy = from.lossy; \
	to.said[0] = from.said[0]; to.said[1] = from.said[1]

/* saved: the answers are in the file, or on the replica. */
inline saved(e) {
	E[e].ahead = E[e].era != era && E[e].ahead;
	E[e].leaseKept = (STORE != FILE && E[e].lease == ANSWERED); E[e].renewKept = (STORE != FILE && E[e].renew == ANSWERED);
	for (k : 0 .. SERIALS - 1) {
		E[e].settleKept[k] = (STORE != FILE && E[e].settle[k] == ANSWERED)
	}; skip
}

/* unanswered: a wait in vain is an error. */
inline unanswered(e) {
	if
	:: E[e].lease == ANSWERED && !E[e].leaseKept -> noLease(e)
	:: else
	fi;
	if
	:: E[e].renew == ANSWERED && !E[e].renewKept -> noRenew(e)
	:: else
	fi;
	for (k : 0 .. SERIALS - 1) {
		E[e].settle[k] = (E[e].settleKept[k] -> E[e].settle[k] : QUIET)
	}; skip
}

/* A new era (E1, E2). */
inline begin(lost) {
	COPY(db, old);
	era++;
	db.lossy = lost || forgetful;
	db.floor = (recovering && db.floor < db.newest -> db.floor : db.newest);
	db.early = (GUARD(NO_PROOF_TIME) -> PROOF : 0);
	if
	:: GUARD(WALL_GAP)
	:: else -> ledgerTime(2 * WHOLE)
	fi;
	db.said[0] = 0; db.said[1] = 0;
	db.shut = (db.lossy -> (GUARD(SHORT_RECOVERY) -> WHOLE : 1) : LEASE + MARGIN);
	beginEra();
	if
	:: era == ERAS -> COPY(old, none); saves = 0 /* nobody will read it */
	:: else
	fi
}

/* The store, and what goes wrong. */
proctype Fate() {
	do
	:: d_step { online && era < ERAS && (STORE == REPLICA || saves == 0) ->
			saves = (STORE == REPLICA -> 0 : 1);
			COPY(old, db); heard = wanted; saved(0); saved(1);
			for (k : 0 .. SERIALS - 1) {
				deductKept[k] = (STORE != FILE && deducted[k]); payingKept[k] = paying[k]
			}; skip }
	:: d_step { STORE == FILE && era < ERAS -> begin(GUARD(ORIGIN_BY_CLOCK)) }
	:: d_step { STORE == BACKUP && era < ERAS -> begin(0) }
	:: d_step { STORE == REPLICA && era < ERAS && wanted < 2 ->
			begin((heard == 0));
			unanswered(0); unanswered(1);
			for (k : 0 .. SERIALS - 1) {
				deducted[k] = deducted[k] && deductKept[k]; deductFence[k] = (deducted[k] -> deductFence[k] : 0);
				deductEnds[k] = (deducted[k] -> deductEnds[k] : 0); paying[k] = paying[k] && payingKept[k]
			}
			wanted = 0; heard = 0; online = 0; voting = 0 }
	:: d_step { STORE == REPLICA && era == 0 && online -> online = 0 }
	:: d_step { STORE == REPLICA && era == 0 && !online -> online = 1 }
	:: d_step { wanted == 2 && online && !voting -> voting = 1 } /* the Sentinels: the replica is dead, this primary counts (P4) */
	:: d_step { voting -> voting = 0; wanted = (GUARD(RECOUNT_ONLINE) -> (online -> 1 : wanted) : online) }
	:: d_step { KILLS && E[0].lives -> /* kill -9 */
			E[0].lives = 0;
			E[0].orphan = E[0].orphan || E[0].lease == SENT; noLease(0); noRenew(0);
			for (k : 0 .. SERIALS - 1) {
				if
				:: E[0].have[k] != CLAIM -> forget(0, k)
				:: else -> E[0].freed[k] = 0
				fi
			}; skip }
	:: d_step { !E[0].lives && !burnt -> /* and its machine */
			burnt = 1;
			for (k : 0 .. SERIALS - 1) {
				forget(0, k)
			}; skip }
	od
}

init {
	atomic {
		E[0].lives = 1; E[1].lives = 1;
		for (k : 0 .. SERIALS - 1) {
			db.owner[k] = NOBODY; old.owner[k] = NOBODY
		}
		online = 1;
		if
		:: STORE == REPLICA -> wanted = 1
		:: STORE == REPLICA -> wanted = 2
		:: STORE != REPLICA -> skip
		fi;
		heard = wanted;
		run Keeper(0); run Keeper(1); run Seller(0, 0); run Seller(1, 0); run Buyer(0); run Sweeper(0); run Heir(0);
#if SERIALS > 1
		run Seller(0, 1); run Seller(1, 1); run Buyer(1); run Sweeper(1); run Heir(1);
#endif
		run Clock(); run Fate()
	}
}

#ifdef LIVE
#define stuck (!E[0].lives && (db.state[0] == PENDING || (db.state[0] == LEASED && db.owner[0] == 0)))
ltl live { []<>(!stuck) && []<>(!recovering) }
#endif

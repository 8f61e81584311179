// Package rig starts the servers of measurements, demonstrations and tests: each is a process of its own, so that its cost can
// be told from the load's. A server is made by a New function, which finds its addresses and writes its files.
// [Process.Start] starts it, also again after its end, on the same addresses and files.
//
// A server that answers is the one that was started: a server is ready when the process itself listens on its addresses. A server
// inherits none of this process' SPIKE_* variables. It ends by its process id, and with this process.
//
//	process   start, ready, stop, kill, pause; log and CPU time
//	place     where a server runs: this host, or a network namespace; free addresses
//	redis     Redis and its replicas
//	postgres  PostgreSQL and its standbys
//	spike     the commands of the spike program that serve: edge, gate, orders, dashboard, peers; their metrics
//	nginx     nginx by any configuration, or by the one of a topology
//	site      all servers of one sale, ended in the order in which none waits for another, and what they have spent
package rig

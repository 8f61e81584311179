package luascripts

// Node is what a script sees of the server it runs on.
type Node struct {
	Era      uint64 // 48 bits of master_replid: another one is another history; 0: the server does not say
	Run      uint64 // 48 bits of run_id, the process; 0: the server does not say
	Replicas uint64 // online now
	Followed bool   // it has been another's replica (master_replid2)
	Started  int64  // no earlier than this the process began, Unix microseconds by its own clock
	File     bool   // it has an append-only file
	Fsynced  bool   // and appendfsync always: what it has answered is on its disk
}

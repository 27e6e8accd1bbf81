package main

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// heapRoom is how much of the heap lies in huge pages, in bytes: what a scan of some
// ten thousand names needs, and more. Only what is used takes memory.
const heapRoom = 256 << 20

// hugePages has the heap of a scan lie in huge pages, where the kernel gives them to
// who asks (madvise(2); transparent_hugepage is "madvise" on most systems). A scan goes
// through tens of megabytes again and again: with small pages a tenth of its processor
// time goes into page faults and address translation, in a virtual machine above all.
var hugePages = sync.OnceFunc(func() {
	if mode, err := os.ReadFile("/proc/sys/vm/overcommit_memory"); err != nil || strings.HasPrefix(string(mode), "2") {
		return // what is asked for would count as taken (proc_sys_vm(5))
	}
	room := make([]byte, heapRoom) // the heap grows by what it is asked for, and keeps it
	_ = syscall.Madvise(room, syscall.MADV_HUGEPAGE)
	runtime.KeepAlive(room)
	runtime.GC() // or the room would pass for heap in use
})

"""How cores share a product and wait for one another, in LLVM's language (floor 2).

The caller announces a product, cut into shares; it and every helper that is awake claim shares till
none is left, and the caller goes on when all that were claimed are done. So nobody waits for a
helper that sleeps, or whose core another program has: whoever is there does the work. A helper that
finds none looks again for some microseconds, then lets others run, then sleeps until it is called.

A share is claimed by clearing its bit in one word whose upper half is the number of the
announcement: who comes late finds another number there, or no bit left, and has claimed nothing.
Each begins at a place of its own and goes on from there to what others have left, so that from step
to step a thread finds its part of the weights in the cache of its core. While one thread has the
team, any other that calls does its product alone.
"""

from __future__ import annotations

import ctypes
import platform
from functools import cache

from chainrule.plan.native.llvm import toolchain
from chainrule.plan.native.llvm.ir import Writer

__all__ = ["MOST", "SIZE", "is_supported", "serving", "together"]

# Turns of waiting until others may run, and until sleep.
LOOKS, PATIENCE = 2000, 2100

# Shares of a product at most: a bit for each.
MOST = 32

# Places in a team's memory, in bytes; what several write stands on a cache line of its own.
PLACES = {
    "CLAIM": 0,
    "DONE": 64,
    "SLEEPERS": 128,
    "STOP": 192,
    "BUSY": 256,
    "JOB": 320,
    "MUTEX": 384,
    "BELL": 512,
    "COUNT": 640,
}
SIZE = 704

PAUSES = {"x86_64": "llvm.x86.sse2.pause", "amd64": "llvm.x86.sse2.pause"}
LIBRARY = {
    "pthread_mutex_init": 2,
    "pthread_mutex_lock": 1,
    "pthread_mutex_unlock": 1,
    "pthread_cond_init": 2,
    "pthread_cond_wait": 2,
    "pthread_cond_broadcast": 1,
    "sched_yield": 0,
}


@cache
def is_supported() -> bool:
    """Say whether this system has threads as POSIX knows them, and make LLVM know them."""
    try:
        library = ctypes.CDLL(None)
        found = {name: getattr(library, name) for name in LIBRARY}
    except (AttributeError, OSError, TypeError):
        return False
    for name, function in found.items():
        address = ctypes.cast(function, ctypes.c_void_p).value
        toolchain.llvm().add_symbol(name, address)
    return True


def together(w: Writer) -> str:
    """Return the function that shares a product, for a module that shall call it.

    `void @together(ptr %team, ptr %function, ptr %a, ptr %b, ptr %c, ptr %context, i64 %units,
    i64 %shares)` does all units of a kernel's function in so many shares, at most `MOST`, and then
    returns.

    Args:
        w: of the module; it is told what the function calls.
    """
    for name, count in LIBRARY.items():
        w.declared[name] = f"declare i32 @{name}({', '.join(['ptr'] * count)})"
    w.declared["llvm.cttz.i64"] = "declare i64 @llvm.cttz.i64(i64, i1)"
    if pause():
        w.declared[pause()] = f"declare void @{pause()}()"
    return filled(TOGETHER)


def serving(w: Writer) -> str:
    """Return the functions of a team's life, each of its memory: `prepare`, `serve` and `stop`.

    `prepare` also takes how many they are, the caller among them, and `serve` which of them it is,
    from 1.
    """
    return together(w) + filled(SERVING)


def pause() -> str:
    """Return LLVM's name of the instruction for waiting loops, if there is one."""
    return PAUSES.get(platform.machine().lower(), "")


def filled(text: str) -> str:
    """Put places and numbers into a text."""
    for name, number in {**PLACES, "LOOKS": LOOKS, "PATIENCE": PATIENCE}.items():
        text = text.replace(f"{{{name}}}", str(number))
    return text.replace("{PAUSE}", f"call void @{pause()}()" if pause() else "")


# --- the text -----------------------------------------------------------------------------------

TOGETHER = """
define internal i64 @team.shares(ptr %team) {
  %claim = load atomic i64, ptr %team seq_cst, align 8
  %left = and i64 %claim, 4294967295
  ret i64 %left
}

define internal void @team.work(ptr %team, i64 %me) {
entry:
  %count.at = getelementptr i8, ptr %team, i64 {COUNT}
  %count = load i64, ptr %count.at
  %job = getelementptr i8, ptr %team, i64 {JOB}
  %shares.at = getelementptr i64, ptr %job, i64 6
  br label %look
look:
  %claim = load atomic i64, ptr %team acquire, align 8
  %left = and i64 %claim, 4294967295
  %none = icmp eq i64 %left, 0
  br i1 %none, label %end, label %try
try:
  %shares = load atomic i64, ptr %shares.at monotonic, align 8
  %ahead = mul i64 %me, %shares
  %mine.from = udiv i64 %ahead, %count
  %before.mine = shl i64 -1, %mine.from
  %mine = and i64 %left, %before.mine
  %others = icmp eq i64 %mine, 0
  %which = select i1 %others, i64 %left, i64 %mine
  %number = call i64 @llvm.cttz.i64(i64 %which, i1 true)
  %bit = shl i64 1, %number
  %less = xor i64 %claim, %bit
  %pair = cmpxchg ptr %team, i64 %claim, i64 %less acq_rel acquire
  %claimed = extractvalue { i64, i1 } %pair, 1
  br i1 %claimed, label %share, label %look
share:
  %function = load ptr, ptr %job
  %a.at = getelementptr i64, ptr %job, i64 1
  %a = load ptr, ptr %a.at
  %b.at = getelementptr i64, ptr %job, i64 2
  %b = load ptr, ptr %b.at
  %c.at = getelementptr i64, ptr %job, i64 3
  %c = load ptr, ptr %c.at
  %context.at = getelementptr i64, ptr %job, i64 4
  %context = load ptr, ptr %context.at
  %units.at = getelementptr i64, ptr %job, i64 5
  %units = load i64, ptr %units.at
  %before = mul i64 %number, %units
  %first = sdiv i64 %before, %shares
  %after = add i64 %before, %units
  %last = sdiv i64 %after, %shares
  call void %function(ptr %a, ptr %b, ptr %c, ptr %context, i64 %first, i64 %last)
  %done = getelementptr i8, ptr %team, i64 {DONE}
  %was = atomicrmw add ptr %done, i64 1 release
  br label %look
end:
  ret void
}

define internal void @team.call(ptr %team) {
entry:
  %sleepers.at = getelementptr i8, ptr %team, i64 {SLEEPERS}
  %sleepers = load atomic i64, ptr %sleepers.at seq_cst, align 8
  %all.awake = icmp eq i64 %sleepers, 0
  br i1 %all.awake, label %end, label %call
call:
  %mutex = getelementptr i8, ptr %team, i64 {MUTEX}
  %bell = getelementptr i8, ptr %team, i64 {BELL}
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %rung = call i32 @pthread_cond_broadcast(ptr %bell)
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %end
end:
  ret void
}

define internal void @together(ptr %team, ptr %function, ptr %a, ptr %b, ptr %c, ptr %context,
                               i64 %units, i64 %shares) {
entry:
  %busy.at = getelementptr i8, ptr %team, i64 {BUSY}
  %pair = cmpxchg ptr %busy.at, i64 0, i64 1 acq_rel acquire
  %free = extractvalue { i64, i1 } %pair, 1
  br i1 %free, label %announce, label %alone
alone:
  call void %function(ptr %a, ptr %b, ptr %c, ptr %context, i64 0, i64 %units)
  ret void
announce:
  %job = getelementptr i8, ptr %team, i64 {JOB}
  store ptr %function, ptr %job
  %a.at = getelementptr i64, ptr %job, i64 1
  store ptr %a, ptr %a.at
  %b.at = getelementptr i64, ptr %job, i64 2
  store ptr %b, ptr %b.at
  %c.at = getelementptr i64, ptr %job, i64 3
  store ptr %c, ptr %c.at
  %context.at = getelementptr i64, ptr %job, i64 4
  store ptr %context, ptr %context.at
  %units.at = getelementptr i64, ptr %job, i64 5
  store i64 %units, ptr %units.at
  %shares.at = getelementptr i64, ptr %job, i64 6
  store atomic i64 %shares, ptr %shares.at monotonic, align 8
  %done.at = getelementptr i8, ptr %team, i64 {DONE}
  store atomic i64 0, ptr %done.at monotonic, align 8
  %claim = load atomic i64, ptr %team monotonic, align 8
  %number = add i64 %claim, 4294967296
  %one.more = shl i64 1, %shares
  %bits = sub i64 %one.more, 1
  %announced = or i64 %number, %bits
  store atomic i64 %announced, ptr %team seq_cst, align 8
  call void @team.call(ptr %team)
  call void @team.work(ptr %team, i64 0)
  br label %wait
wait:
  %looks = phi i64 [0, %announce], [%looks.next, %pause], [%looks.next, %yield]
  %done = load atomic i64, ptr %done.at acquire, align 8
  %all = icmp eq i64 %done, %shares
  br i1 %all, label %end, label %again
again:
  %looks.next = add i64 %looks, 1
  %soon = icmp ult i64 %looks, {LOOKS}
  br i1 %soon, label %pause, label %yield
pause:
  {PAUSE}
  br label %wait
yield:
  %yielded = call i32 @sched_yield()
  br label %wait
end:
  store atomic i64 0, ptr %busy.at release, align 8
  ret void
}
"""

SERVING = """
define void @prepare(ptr %team, i64 %count) {
  %count.at = getelementptr i8, ptr %team, i64 {COUNT}
  store i64 %count, ptr %count.at
  %mutex = getelementptr i8, ptr %team, i64 {MUTEX}
  %bell = getelementptr i8, ptr %team, i64 {BELL}
  %made = call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  %hung = call i32 @pthread_cond_init(ptr %bell, ptr null)
  ret void
}

define void @stop(ptr %team) {
  %stop = getelementptr i8, ptr %team, i64 {STOP}
  store atomic i64 1, ptr %stop seq_cst, align 8
  call void @team.call(ptr %team)
  ret void
}

define internal i1 @team.idle(ptr %team) {
  %stop.at = getelementptr i8, ptr %team, i64 {STOP}
  %stop = load atomic i64, ptr %stop.at seq_cst, align 8
  %shares = call i64 @team.shares(ptr %team)
  %any = or i64 %stop, %shares
  %idle = icmp eq i64 %any, 0
  ret i1 %idle
}

define void @serve(ptr %team, i64 %me) {
entry:
  %stop.at = getelementptr i8, ptr %team, i64 {STOP}
  %sleepers = getelementptr i8, ptr %team, i64 {SLEEPERS}
  %mutex = getelementptr i8, ptr %team, i64 {MUTEX}
  %bell = getelementptr i8, ptr %team, i64 {BELL}
  br label %begin
begin:
  %stop = load atomic i64, ptr %stop.at acquire, align 8
  %over = icmp ne i64 %stop, 0
  br i1 %over, label %end, label %work
work:
  call void @team.work(ptr %team, i64 %me)
  br label %look
look:
  %looks = phi i64 [0, %work], [%looks.next, %pause], [%looks.next, %yield]
  %idle = call i1 @team.idle(ptr %team)
  br i1 %idle, label %again, label %begin
again:
  %looks.next = add i64 %looks, 1
  %soon = icmp ult i64 %looks, {LOOKS}
  br i1 %soon, label %pause, label %later
pause:
  {PAUSE}
  br label %look
later:
  %awake = icmp ult i64 %looks, {PATIENCE}
  br i1 %awake, label %yield, label %lie
yield:
  %yielded = call i32 @sched_yield()
  br label %look
lie:
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %one.more = atomicrmw add ptr %sleepers, i64 1 seq_cst
  br label %still
still:
  %still.idle = call i1 @team.idle(ptr %team)
  br i1 %still.idle, label %sleep, label %rise
sleep:
  %woken = call i32 @pthread_cond_wait(ptr %bell, ptr %mutex)
  br label %still
rise:
  %one.less = atomicrmw sub ptr %sleepers, i64 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %begin
end:
  ret void
}
"""

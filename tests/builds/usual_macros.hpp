// SPDX-License-Identifier: MIT
//
// usual_macros.hpp: macros that headers of other projects leave behind, under names that a C++ program may use.
//
// The headers of the library must compile after them: usual_macros.py. What the standard library itself does not
// stand (Ruby's `snprintf`, R's `length`) is left out. The definitions are those of the headers, or shorter ones that
// break the same uses.
#pragma once

// Qt without QT_NO_KEYWORDS
#define slots __attribute__((annotate("qt_slot")))
#define signals public __attribute__((annotate("qt_signal")))
#define emit
#define foreach(variable, container) for (variable : container)
#define forever for (;;)
#define SLOT(a) "1" #a
#define SIGNAL(a) "2" #a
#define METHOD(a) "0" #a
#define Q_OBJECT
#define Q_EMIT
#define Q_FOREACH(variable, container) for (variable : container)

// X11: X.h, Xlib.h, Xutil.h, Intrinsic.h
#define None 0L
#define Bool int
#define Status int
#define True 1
#define False 0
#define Success 0
#define Always 2
#define Never 0
#define Above 0
#define Below 1
#define Complex 0
#define Convex 2
#define Nonconvex 1
#define Unsorted 0
#define Opposite 4
#define Expose 12
#define KeyPress 2
#define KeyRelease 3
#define FocusIn 9
#define FocusOut 10
#define CursorShape 0
#define GrayScale 1
#define PropModeReplace 0
#define ControlMask (1 << 2)
#define ParentRelative 1L
#define CurrentTime 0L
#define BadRequest 1
#define BadValue 2
#define BadAlloc 11
#define InputOutput 1
#define InputOnly 2
#define DirectColor 5
#define Button1 1
#define DestroyAll 0
#define RetainPermanent 1
#define Unchecked 0
#define Default 0
#define XNone 0

// Windows: windef.h, winbase.h, winuser.h, winsock2.h, rpc.h, objbase.h
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define small char
#define hyper __int64
#define interface struct
#define near
#define far
#define pascal __stdcall
#define cdecl
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define CALLBACK
#define APIENTRY
#define STRICT 1
#define TRUE 1
#define FALSE 0
#define ERROR 0
#define NO_ERROR 0L
#define DELETE (0x00010000L)
#define DOMAIN 1
#define SING 2
#define OVERFLOW 3
#define UNDERFLOW 4
#define IGNORE 0
#define INFINITE 0xFFFFFFFF
#define THIS void
#define PURE = 0
#define UNICODE 1
#define TEXT(quote) L##quote
#define Yield()
#define CreateEvent CreateEventW
#define CreateMutex CreateMutexW
#define CreateProcess CreateProcessW
#define CreateSemaphore CreateSemaphoreW
#define DeleteFile DeleteFileW
#define GetCurrentTime GetTickCount
#define GetEnvironmentVariable GetEnvironmentVariableW
#define GetJob GetJobW
#define GetMessage GetMessageW
#define GetObject GetObjectW
#define PostMessage PostMessageW
#define SendMessage SendMessageW
#define Exception_Code GetExceptionCode
#define exception_code GetExceptionCode
#define exception_info GetExceptionInformation
#define abnormal_termination AbnormalTermination

// ncurses, which takes back clear, erase, move, refresh and box where it is C++
#define OK (0)
#define ERR (-1)
#define timeout(delay) wtimeout(stdscr, (delay))
#define getch() wgetch(stdscr)
#define addch(ch) waddch(stdscr, (ch))
#define scrl(n) wscrl(stdscr, (n))
#define insertln() winsertln(stdscr)
#define deleteln() wdeleteln(stdscr)
#define getyx(win, y, x) (y = getcury(win), x = getcurx(win))
#define standout() wstandout(stdscr)
#define border(a, b, c, d, e, f, g, h) wborder(stdscr, a, b, c, d, e, f, g, h)
#define instr(s) winstr(stdscr, (s))
#define tab set_tab

// GLib, libintl, sys/param.h, sys/sysmacros.h
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#define ABS(a) (((a) < 0) ? -(a) : (a))
#define CLAMP(x, low, high) (((x) > (high)) ? (high) : (((x) < (low)) ? (low) : (x)))
#define _(text) gettext(text)
#define N_(text) (text)
#define roundup(x, y) ((((x) + ((y)-1)) / (y)) * (y))
#define howmany(x, y) (((x) + ((y)-1)) / (y))
#define powerof2(x) ((((x)-1) & (x)) == 0)
#define setbit(a, i) ((a)[(i) / 8] |= 1 << ((i) % 8))
#define major(dev) gnu_dev_major(dev)
#define minor(dev) gnu_dev_minor(dev)
#define makedev(maj, min) gnu_dev_makedev(maj, min)
#ifndef unix  // predefined with -std=gnu++20
#define unix 1
#endif
#ifndef linux
#define linux 1
#endif

// Perl and Ruby
#define do_open(a, b, c, d, e, f, g) Perl_do_open(a, b, c, d, e, f, g)
#define do_close(a, b) Perl_do_close(a, b)
#define form(...) Perl_form(__VA_ARGS__)
#define seed() Perl_seed()
#define scope(a) Perl_scope(a)
#define call_list(a, b) Perl_call_list(a, b)
#define times PerlProc_times
#define dVAR
#define Newx(v, n, t) (v = (t*)malloc((n) * sizeof(t)))
#define Copy(s, d, n, t) memcpy(d, s, (n) * sizeof(t))
#define Move(s, d, n, t) memmove(d, s, (n) * sizeof(t))
#define Zero(d, n, t) memset(d, 0, (n) * sizeof(t))

// Apple's AssertMacros.h and objc.h, the Unreal Engine, Arduino
#define check(assertion) ((void)0)
#define verify(assertion) ((void)0)
#define require(assertion, label) ((void)0)
#define require_noerr(error, label) ((void)0)
#define ensure(expression) (!!(expression))
#define nil 0
#define Nil 0
#define YES 1
#define NO 0
#define PI 3.14159
#define round(x) ((x) >= 0 ? (long)((x) + 0.5) : (long)((x)-0.5))
#define radians(deg) ((deg)*0.01745)
#define bit(b) (1UL << (b))
#define constrain(amt, low, high) ((amt) < (low) ? (low) : ((amt) > (high) ? (high) : (amt)))
#define interrupts() sei()
#define HIGH 0x1
#define LOW 0x0
#define INPUT 0x0
#define OUTPUT 0x1
#define DEFAULT 1
#define EXTERNAL 0
#define F(text) (text)
#define B1 1

// Logging, test frameworks, C's complex.h
#define DEBUG 1
#define LOG(level) std::clog
#define INFO(message) ((void)0)
#define WARN(message) ((void)0)
#define FAIL(message) ((void)0)
#define CHECK(condition) ((void)0)
#define REQUIRE(condition) ((void)0)
#define TEST(suite, name) void suite##_##name()
#define I (__extension__ 1.0iF)

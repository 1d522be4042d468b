// SPDX-License-Identifier: MIT
//
// An event loop of GLib (EVENT_LOOP_GLIB) or Qt in the parent. Callbacks of futures post into it, from threads, spawned
// and forked workers. A child of the loop's own ends meanwhile, and a worker of ours dies: each side hears of its own
// process. Returns 0 if all arrived in the loop's thread.
#include <concurrent/futures.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

namespace cf = concurrent::futures;

#if defined(EVENT_LOOP_GLIB)

#include <glib.h>

struct Loop {
    Loop(int&, char**) : loop(g_main_loop_new(nullptr, FALSE)) {}
    ~Loop() { g_main_loop_unref(loop); }
    void run() { g_main_loop_run(loop); }
    void quit() { g_main_loop_quit(loop); }
    void post(std::function<void()> function) {
        const auto call = [](gpointer data) -> gboolean {
            (*static_cast<std::function<void()>*>(data))();
            return G_SOURCE_REMOVE;
        };
        const auto destroy = [](gpointer data) { delete static_cast<std::function<void()>*>(data); };
        g_idle_add_full(G_PRIORITY_DEFAULT, call, new std::function<void()>(std::move(function)), destroy);
    }
    void run_child(std::function<void()> function) {
        on_child = std::move(function);
        char name[] = "true";
        char* arguments[] = {name, nullptr};
        GPid pid = 0;
        const auto flags = static_cast<GSpawnFlags>(G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD);
        if (!g_spawn_async(nullptr, arguments, nullptr, flags, nullptr, nullptr, &pid, nullptr)) std::exit(3);
        const auto ended = [](GPid child, gint status, gpointer data) {
            g_spawn_close_pid(child);
            if (status == 0) static_cast<Loop*>(data)->on_child();
        };
        g_child_watch_add(pid, ended, this);
    }
    GMainLoop* loop;
    std::function<void()> on_child;
};

#else

#include <QCoreApplication>
#include <QMetaObject>
#include <QProcess>
#include <QStringList>

struct Loop {
    Loop(int& argc, char** argv) : application(argc, argv) {}
    void run() { application.exec(); }
    void quit() { application.quit(); }
    void post(std::function<void()> function) {
        QMetaObject::invokeMethod(&application, std::move(function), Qt::QueuedConnection);
    }
    void run_child(std::function<void()> function) {
        QObject::connect(&child, static_cast<void (QProcess::*)(int, QProcess::ExitStatus)>(&QProcess::finished),
                         &application, [function = std::move(function)](int code, QProcess::ExitStatus) {
                             if (code == 0) function();
                         });
        child.start(QStringLiteral("true"), QStringList());
    }
    QCoreApplication application;
    QProcess child;
};

#endif

static int square(int n) { return n * n; }
static void crash() { std::_Exit(9); }

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor forked({.max_workers = 1, .start_method = cf::StartMethod::fork});  // before there are threads
    Loop loop(argc, argv);
    const std::thread::id thread = std::this_thread::get_id();
    int arrived = 0, right = 0;
    const auto note = [&](bool as_expected) {
        right += as_expected && std::this_thread::get_id() == thread;
        if (++arrived == 3 * 50 + 2) loop.quit();
    };
    cf::ThreadPoolExecutor threads(2);
    cf::ProcessPoolExecutor spawned({.max_workers = 2, .start_method = cf::StartMethod::spawn});
    const auto send_to = [&](auto& pool) {
        for (int i = 0; i < 50; ++i)
            pool.submit(square, i).add_done_callback([&, i](cf::Future<int> call) {
                loop.post([&, i, call] { note(call.result() == i * i); });
            });
    };
    send_to(threads);
    send_to(spawned);
    send_to(forked);
    loop.run_child([&] { note(true); });
    spawned.submit(crash).add_done_callback([&](const cf::Future<void>& call) {
        loop.post([&, call] {
            try {
                call.result();
            } catch (const cf::WorkerDiedError&) {
                note(true);
            }
        });
    });
    loop.run();
    std::printf("%d of %d posts right\n", right, arrived);
    return right == arrived ? 0 : 1;
}

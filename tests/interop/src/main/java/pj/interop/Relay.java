package pj.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URL;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;

/**
 * Stands between a Java worker and both ports of pj-serverd, and loses final reports on order: the report itself, or the server's
 * answer to it. The worker then finds its connection closed.
 */
final class Relay {
    enum Fate { REPORT_LOST, ANSWER_LOST, DELIVERED }

    private static final ObjectMapper JSON = new ObjectMapper();
    private final String http;
    private final String remote;
    private final HttpServer front;
    private final HttpServer back;
    /** Of a job's first final reports; those after them are delivered. */
    private final Map<Long, Queue<Fate>> fates = new ConcurrentHashMap<>();
    private final Map<Long, List<String>> finals = new ConcurrentHashMap<>();
    private volatile int trackers = -1;

    Relay(String http, String remote) throws IOException {
        this.http = http;
        this.remote = remote;
        front = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 64);
        back = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 64);
        for (HttpServer s : new HttpServer[] {front, back}) {
            s.setExecutor(Executors.newCachedThreadPool(r -> {
                Thread t = new Thread(r, "relay");
                t.setDaemon(true);
                return t;
            }));
        }
        front.createContext("/", this::frontCall);
        back.createContext("/", this::backCall);
        front.start();
        back.start();
    }

    /** What the worker is told is the server. */
    String address() {
        return "127.0.0.1:" + front.getAddress().getPort();
    }

    void lose(long job, Fate... inTurn) {
        fates.put(job, new ConcurrentLinkedQueue<>(Arrays.asList(inTurn)));
    }

    /** The final reports of an instance: "FATE STATUS ANSWER". */
    List<String> finals(long instance) {
        synchronized (finals) {
            return new ArrayList<>(finals.getOrDefault(instance, new ArrayList<>()));
        }
    }

    /** As of the worker's last heartbeat. */
    int trackers() {
        return trackers;
    }

    private static byte[] readAll(InputStream in) throws IOException {
        try (InputStream i = in) {
            return i == null ? new byte[0] : i.readAllBytes();
        }
    }

    private static final class Answer {
        int status;
        byte[] body;
    }

    private static Answer forward(HttpExchange x, String to, byte[] body) throws IOException {
        HttpURLConnection c = (HttpURLConnection) new URL("http://" + to + x.getRequestURI()).openConnection();
        Answer a = new Answer();

        c.setRequestMethod(x.getRequestMethod());
        c.setReadTimeout(20000);
        if (body.length > 0) {
            c.setDoOutput(true);
            c.setRequestProperty("content-type", "application/json");
            try (OutputStream o = c.getOutputStream()) {
                o.write(body);
            }
        }
        a.status = c.getResponseCode();
        a.body = readAll(a.status >= 400 ? c.getErrorStream() : c.getInputStream());
        return a;
    }

    private static void answer(HttpExchange x, Answer a) throws IOException {
        x.sendResponseHeaders(a.status, a.body.length == 0 ? -1 : a.body.length);
        if (a.body.length > 0) {
            x.getResponseBody().write(a.body);
        }
        x.close();
    }

    private void frontCall(HttpExchange x) throws IOException {
        try {
            Answer a = forward(x, http, readAll(x.getRequestBody()));

            if (x.getRequestURI().getPath().equals("/server/acquire")) {
                a.body = ("{\"success\":true,\"data\":\"127.0.0.1:" + back.getAddress().getPort() + "\",\"message\":null}")
                    .getBytes("UTF-8");
            }
            answer(x, a);
        } finally {
            x.close();
        }
    }

    private Fate fateOf(JsonNode report) {
        Queue<Fate> left = fates.get(report.path("jobId").asLong());
        Fate f = left == null ? null : left.poll();

        return f == null ? Fate.DELIVERED : f;
    }

    private void backCall(HttpExchange x) throws IOException {
        try {
            byte[] body = readAll(x.getRequestBody());
            String path = x.getRequestURI().getPath();
            JsonNode message = JSON.readTree(body);

            if (path.endsWith("/workerHeartbeat")) {
                trackers = message.path("lightTaskTrackerNum").asInt() + message.path("heavyTaskTrackerNum").asInt();
            }
            if (path.endsWith("/reportInstanceStatus") && message.path("instanceStatus").asInt() >= 4) {
                finalReport(x, message, body);
            } else {
                answer(x, forward(x, remote, body));
            }
        } finally {
            x.close();
        }
    }

    private void finalReport(HttpExchange x, JsonNode message, byte[] body) throws IOException {
        Fate fate = fateOf(message);
        Answer a = fate == Fate.REPORT_LOST ? null : forward(x, remote, body);

        synchronized (finals) {
            finals.computeIfAbsent(message.path("instanceId").asLong(), k -> new ArrayList<>()).add(fate + " "
                + message.path("instanceStatus").asInt() + " " + (a == null ? "-" : new String(a.body, "UTF-8")));
        }
        if (fate == Fate.DELIVERED) {
            answer(x, a);
        }
    }
}

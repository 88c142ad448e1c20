package pj.interop;

import java.util.Arrays;
import tech.powerjob.common.enums.Protocol;
import tech.powerjob.worker.PowerJobWorker;
import tech.powerjob.worker.common.PowerJobWorkerConfig;
import tech.powerjob.worker.common.constants.StoreStrategy;

/** A real Java worker: WorkerMain SERVER_HTTP APP PORT [TAG]. Runs until it is killed. */
public final class WorkerMain {
    public static void main(String[] args) throws Exception {
        PowerJobWorkerConfig config = new PowerJobWorkerConfig();
        config.setServerAddress(Arrays.asList(args[0].split(",")));
        config.setAppName(args[1]);
        config.setPort(Integer.parseInt(args[2]));
        config.setProtocol(Protocol.HTTP);
        config.setStoreStrategy(StoreStrategy.MEMORY);
        if (args.length > 3) {
            config.setTag(args[3]);
        }
        new PowerJobWorker(config).init();
        System.out.println("worker ready");
        Thread.currentThread().join();
    }
}

import "reflect-metadata";
import {
  Controller,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  Post,
  Req,
  Res,
  UseGuards,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/nestjs";
import type { Request, Response } from "express";
import { adapterSuite } from "./adapter.suite.ts";
import { type AppParts, failing, failingOptions, mirror, order } from "./routes.ts";

// Decorators are functions; calling them needs no compiler.
function toModule({ signed, open, prefixed, config }: AppParts): new () => NestModule {
  const toMirror = serve(mirror, open);
  class OpenController {
    start(request: Request, response: Response): Promise<void> {
      return toMirror(request, response);
    }
    message(request: Request & { rawBody?: Buffer }, response: Response): void {
      response.status(200).end(request.rawBody ?? "");
    }
  }
  const method = (name: "start" | "message", path: string): void => {
    const { prototype } = OpenController;
    Req()(prototype, name, 0);
    Res()(prototype, name, 1);
    Post(path)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name) ?? {});
  };
  method("start", "/open");
  method("message", "/message");
  const { message } = OpenController.prototype;
  UseGuards(verifySignature(config))(OpenController.prototype, "message", { value: message });
  Controller()(OpenController);

  class AppModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(serve(order, signed)).forRoutes("/order");
      consumer.apply(serve(mirror, signed)).forRoutes("/order-text");
      consumer.apply(serve(failing, { ...signed, ...failingOptions })).forRoutes("/failing");
      consumer.apply(serve(mirror, prefixed)).forRoutes("/prefixed");
      const workflows = {
        order: createWorkflow(order, signed),
        mirror: createWorkflow(mirror, signed),
      };
      consumer.apply(serveMany(workflows)).forRoutes("/many/*name");
    }
  }
  Module({ controllers: [OpenController] })(AppModule);
  return AppModule;
}

adapterSuite(
  "NestJS",
  async (parts) => {
    const options = { rawBody: true, logger: false } as const;
    const app = await NestFactory.create<NestExpressApplication>(toModule(parts), options);
    app.useBodyParser("json", { limit: "10mb" });
    await app.listen(0, "127.0.0.1");
    const url = (await app.getUrl()).replace("[::1]", "127.0.0.1");
    return { url, close: () => app.close() };
  },
  { readsForwarded: true },
);

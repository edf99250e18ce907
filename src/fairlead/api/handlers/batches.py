"""Batch predictions: jobs are started, shown and cancelled (spec/02 7). What a job is, is its task's to say."""

from __future__ import annotations

from fairlead.api.decode.predict import predict_body
from fairlead.api.encode import encode
from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.domain.connector import ActionType
from fairlead.domain.dataset import PredictInput
from fairlead.java.json import strict_loads
from fairlead.service.house import House


def decode_batch_predict(request: Request) -> PredictInput:
    return predict_body("remote", request.body, ActionType.BATCH_PREDICT)


async def batch_predict(house: House, request: Request, asked: PredictInput) -> Reply:
    model_id = request.ids["model_id"]
    await house.predict.require(model_id, request.principal)
    if asked.action == ActionType.BATCH_PREDICT:
        return Reply((await house.batches.start(model_id, asked, request.principal)).shown())
    # The body's action wins over the path's (spec/02 3.4).
    return Reply(strict_loads(encode(await house.predict.predict(model_id, asked, request.principal))))


async def get_task(house: House, request: Request, _: None) -> Reply:
    return Reply((await house.batches.task(request.ids["task_id"], request.principal)).document())


async def cancel_task(house: House, request: Request, _: None) -> Reply:
    await house.batches.cancel(request.ids["task_id"], request.principal)
    return Reply({"status": "OK"})
